alter table "BrokeredTask" add column "begunAt" timestamptz(3) not null default current_timestamp;
-- The table holds what goes on, which is little: nobody waits long for it.
create index "BrokeredTask_agentId_runId_begunAt_key_idx" on "BrokeredTask" ("agentId", "runId", "begunAt", "key");
