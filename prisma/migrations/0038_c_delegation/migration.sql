create table "Delegation" (
  "id" uuid not null,
  "personId" uuid not null,
  "delegateId" uuid not null,
  "startsAt" timestamptz(3) not null,
  "endsAt" timestamptz(3) not null,
  "reason" text not null,
  "createdAt" timestamptz(3) not null default current_timestamp,
  "revokedAt" timestamptz(3),
  "revokedById" uuid,
  constraint "Delegation_pkey" primary key ("id"),
  constraint "Delegation_personId_fkey" foreign key ("personId") references "Person" ("id") on delete restrict on update cascade,
  constraint "Delegation_delegateId_fkey" foreign key ("delegateId") references "Person" ("id") on delete restrict on update cascade,
  constraint "Delegation_other" check ("personId" <> "delegateId" and "startsAt" < "endsAt")
);
create index "Delegation_delegateId_endsAt_idx" on "Delegation" ("delegateId", "endsAt");
create index "Delegation_personId_endsAt_idx" on "Delegation" ("personId", "endsAt");

alter table "ScopeApproval" add column "forPersonId" uuid;
alter table "ScopeRequest" add column "decidedForId" uuid;
alter table "HeldCall" add column "decidedForId" uuid;
