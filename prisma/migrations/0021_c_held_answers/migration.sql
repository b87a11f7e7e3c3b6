-- What the agent answered to what the call asked it for, when the call that is held goes on.
alter table "HeldCall" add column "inputResponses" jsonb;
