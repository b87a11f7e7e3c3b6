alter table "Agent" add column "requestBytesMax" integer, add column "requestDepthMax" integer, add column "callDeadlineSeconds" integer,
  add column "resultBytesMax" integer, add column "resultDepthMax" integer;
drop trigger noted_agent on "Agent";
create trigger noted_agent after insert or delete or update of "name", "ownerTeamId", "tier", "status", "statusReason", "currentVersion", "callsPerSecond",
  "requestBytesMax", "requestDepthMax", "callDeadlineSeconds", "resultBytesMax", "resultDepthMax"
  on "Agent" for each row execute function note_policy_change('agent', 'id');
