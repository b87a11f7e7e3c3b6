-- What tasks at servers of 2025-11-25 ask of agents that have no session: a row each, so that it is shown and answered at every replica.
create table "McpTaskAsk" (
  "id" uuid not null,
  "task" text not null,
  "ask" bytea not null,
  "answeredAt" timestamptz(3),
  "expiresAt" timestamptz(3) not null,
  constraint "McpTaskAsk_pkey" primary key ("id")
);
create index "McpTaskAsk_task_idx" on "McpTaskAsk" ("task");
create index "McpTaskAsk_expiresAt_idx" on "McpTaskAsk" ("expiresAt");
alter table "BrokeredTask" add column "ownsSession" boolean not null default false;
create index "BrokeredTask_ownsSession_idx" on "BrokeredTask" ("ownsSession", "expiresAt");
