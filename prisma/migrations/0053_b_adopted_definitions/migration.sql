alter table "UnregisteredAgent" add column "definition" jsonb;
alter table "AgentVersion" add column "origin" jsonb;
