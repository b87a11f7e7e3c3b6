alter table "ApprovalRule" add column "escalation" jsonb;
alter table "ScopeRequest" add column "escalations" integer not null default 0;

create table "GrantEndTold" (
  "grantId" uuid not null,
  "at" timestamptz(3) not null,
  constraint "GrantEndTold_pkey" primary key ("grantId"),
  constraint "GrantEndTold_grantId_fkey" foreign key ("grantId") references "Grant" ("id") on delete restrict on update cascade
);
