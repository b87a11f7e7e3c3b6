-- A rule that holds calls may be bypassed for hours; brokers follow as they do rules.
create table "HoldBypass" (
    "id" uuid not null,
    "ruleId" uuid not null,
    "agentId" text,
    "reason" text not null,
    "exceptTeamIds" text[],
    "exceptAgentIds" text[],
    "openedById" uuid not null,
    "openedAt" timestamptz(3) not null default current_timestamp,
    "expiresAt" timestamptz(3) not null,
    "endedAt" timestamptz(3),
    "endedById" uuid,
    constraint "HoldBypass_pkey" primary key ("id")
);
create index "HoldBypass_ruleId_idx" on "HoldBypass"("ruleId");
create index "HoldBypass_endedAt_expiresAt_idx" on "HoldBypass"("endedAt", "expiresAt");
alter table "HoldBypass" add constraint "HoldBypass_ruleId_fkey" foreign key ("ruleId") references "HoldRule"("id") on delete restrict on update cascade;
create trigger policy_hold_bypass after insert or update or delete on "HoldBypass" for each statement execute function notify_policy();
create trigger noted_hold_bypass after insert or update or delete on "HoldBypass"
  for each row execute function note_policy_change('hold', 'id');
