-- What acts like an agent and is not registered.
create table "UnregisteredAgent" (
  "id" uuid not null,
  "source" text not null,
  "key" text not null,
  "name" text not null,
  "verified" boolean not null,
  "detail" jsonb not null,
  "firstSeenAt" timestamptz(3) not null,
  "lastSeenAt" timestamptz(3) not null,
  "count" integer not null default 1,
  "state" text not null default 'open',
  "reason" text,
  "decidedAt" timestamptz(3),
  "decidedByName" text,
  "agentId" text,
  constraint "UnregisteredAgent_pkey" primary key ("id"),
  constraint "UnregisteredAgent_agentId_fkey" foreign key ("agentId") references "Agent" ("id") on delete set null on update cascade
);
create unique index "UnregisteredAgent_source_key_key" on "UnregisteredAgent" ("source", "key");
create index "UnregisteredAgent_state_lastSeenAt_id_idx" on "UnregisteredAgent" ("state", "lastSeenAt" desc, "id" desc);
create index "UnregisteredAgent_agentId_idx" on "UnregisteredAgent" ("agentId");
