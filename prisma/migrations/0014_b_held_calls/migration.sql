create type "HeldCallState" as enum ('waiting', 'approved', 'edited', 'rejected', 'expired', 'cancelled');

create table "HoldRule" (
    "id" uuid not null,
    "title" text not null,
    "serverId" text,
    "toolName" text,
    "class" "ToolClass",
    "environment" "Environment",
    "conditions" jsonb not null default '[]',
    "deciderRoles" text[],
    "decideSeconds" integer not null,
    "onTimeout" text not null default 'deny',
    "createdById" uuid,
    "createdAt" timestamptz(3) not null default current_timestamp,
    "removedAt" timestamptz(3),
    "removedById" uuid,
    constraint "HoldRule_pkey" primary key ("id")
);
create trigger policy_hold_rule after insert or update or delete on "HoldRule" for each statement execute function notify_policy();
create trigger noted_hold_rule after insert or update or delete on "HoldRule"
  for each row execute function note_policy_change('hold', 'id');

create table "HeldCall" (
    "id" uuid not null,
    "source" text not null,
    "digest" text not null,
    "agentId" text not null,
    "agentVersion" integer not null,
    "runId" uuid,
    "serverId" text,
    "tool" text not null,
    "class" "ToolClass",
    "definitionHash" text not null,
    "policyVersion" text not null,
    "arguments" jsonb not null,
    "editedArguments" jsonb,
    "ruleId" uuid,
    "ruleTitle" text not null,
    "deciderRoles" text[],
    "onTimeout" text not null,
    "state" "HeldCallState" not null default 'waiting',
    "createdAt" timestamptz(3) not null default current_timestamp,
    "expiresAt" timestamptz(3) not null,
    "seenAt" timestamptz(3) not null default current_timestamp,
    "decidedById" uuid,
    "decidedAt" timestamptz(3),
    "note" text,
    "approval" text,
    "settledAt" timestamptz(3),
    "settledBy" text,
    constraint "HeldCall_pkey" primary key ("id")
);
create index "HeldCall_state_createdAt_idx" on "HeldCall"("state", "createdAt");
create index "HeldCall_agentId_createdAt_idx" on "HeldCall"("agentId", "createdAt" desc);
create index "HeldCall_runId_idx" on "HeldCall"("runId");
alter table "HeldCall" add constraint "HeldCall_agentId_fkey" foreign key ("agentId") references "Agent"("id") on delete restrict on update cascade;
-- The same call waits once, however often it is sent.
create unique index held_call_open on "HeldCall" ("digest") where "settledAt" is null and "state" <> 'cancelled';

create function notify_held() returns trigger language plpgsql as $$
begin
  perform pg_notify('wheelhouse_held', new."id"::text);
  return null;
end $$;
create trigger held_call_added after insert on "HeldCall" for each row execute function notify_held();
create trigger held_call_moved after update of "state", "settledAt" on "HeldCall" for each row
  when (old."state" is distinct from new."state" or old."settledAt" is distinct from new."settledAt") execute function notify_held();
