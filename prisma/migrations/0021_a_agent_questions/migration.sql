-- What agents with a session before 2026-07-28 are asked and have not answered: an answer may come to any replica, and counts once.
create table "McpQuestion" (
  "id" uuid not null,
  "agentId" text not null,
  "method" text not null,
  "answer" bytea,
  "answeredAt" timestamptz(3),
  "expiresAt" timestamptz(3) not null,
  constraint "McpQuestion_pkey" primary key ("id")
);
create index "McpQuestion_expiresAt_idx" on "McpQuestion" ("expiresAt");
