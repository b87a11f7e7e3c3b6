-- A set counts as tried once its replay decided a call again, or once it was log-only for so long and judged so many calls.
create table "PolicyTrialTerms" (
    "id" integer not null default 1,
    "logOnlyMinutes" integer not null,
    "logOnlyCalls" integer not null,
    "changedByName" text not null,
    "changedAt" timestamptz(3) not null,
    constraint "PolicyTrialTerms_pkey" primary key ("id"),
    constraint "PolicyTrialTerms_one" check ("id" = 1)
);
alter table "PolicySet" add column "emptyReplay" text;
-- A draft can be thrown away, unless it judged live calls once.
alter type "PolicySetState" add value 'discarded';
alter table "PolicySet"
    add column "firstLogOnlyAt" timestamptz(3),
    add column "discardedAt" timestamptz(3),
    add column "discardedByName" text;
-- Of what was edited since, the audit log still says that it was log-only.
update "PolicySet" s set "firstLogOnlyAt" = coalesce(
    (select min(e."at") from "AuditEvent" e where e."event" = 'policy_set.log_only_started' and e."subjectId" = s."number"::text), s."logOnlyAt");
