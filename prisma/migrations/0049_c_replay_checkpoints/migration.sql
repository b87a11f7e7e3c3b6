-- A replay goes on where the worker before was, instead of from the beginning.
alter table "PolicyReplay" add column "checkpoint" jsonb;
