-- What agents said about sessions before 2026-07-28 whose server keeps none, by a digest of the session's name: it holds at every replica.
create table "McpSession" (
  "session" text not null,
  "logLevel" text,
  "watched" text[] default array[]::text[],
  "endedAt" timestamptz(3),
  "changedAt" timestamptz(3) not null,
  constraint "McpSession_pkey" primary key ("session")
);
create index "McpSession_changedAt_idx" on "McpSession" ("changedAt");
