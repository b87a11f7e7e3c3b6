-- What an agent answers to a call that waits at another replica, until that one has gone on with it.
create table "McpHandover" (
  "id" uuid not null,
  "callId" uuid not null,
  "agentId" text not null,
  "answers" bytea not null,
  "takenAt" timestamptz(3),
  "cancelledAt" timestamptz(3),
  "outcome" bytea,
  "expiresAt" timestamptz(3) not null,
  constraint "McpHandover_pkey" primary key ("id")
);
create index "McpHandover_callId_idx" on "McpHandover" ("callId");
create index "McpHandover_expiresAt_idx" on "McpHandover" ("expiresAt");
