-- Those who are asked are reminded before what waits is due. Since when its time runs is kept, so that it can be computed anew when the rules change.
alter table "ApprovalRule" add column "remindPercent" integer not null default 75;
alter table "ScopeRequest"
    add column "askedAt" timestamptz(3),
    add column "remindAt" timestamptz(3),
    add column "remindedAt" timestamptz(3);
-- Of what was changed before, the audit log says when.
update "ScopeRequest" r set "askedAt" = coalesce(
    (select max(e."at") from "AuditEvent" e
     where e."agentId" = r."agentId" and e."event" not like 'mcp.%' and e."event" = 'scope_request.revised' and e."detail"->>'requestId' = r."id"::text), r."createdAt")
    where r."revision" > 1 and r."state" in ('pending', 'changes_requested');
alter table "BreakGlassReview"
    add column "dueAt" timestamptz(3),
    add column "remindAt" timestamptz(3),
    add column "remindedAt" timestamptz(3),
    add column "overdueToldAt" timestamptz(3),
    add column "escalations" integer not null default 0,
    add column "escalationRuleId" uuid;
create table "HeldCallReminder" (
    "heldCallId" uuid not null,
    "at" timestamptz(3) not null,
    constraint "HeldCallReminder_pkey" primary key ("heldCallId"),
    constraint "HeldCallReminder_heldCallId_fkey" foreign key ("heldCallId") references "HeldCall" ("id") on delete cascade on update cascade
);
