-- Who may share a process of a server over stdio with whom, and how each process is.
create type "ProcessBoundary" as enum ('server', 'team', 'agent');
alter table "McpServer" add column "boundary" "ProcessBoundary" not null default 'server';

create table "StdioProcess" (
  "serverId" text not null,
  "owner" text not null,
  "instance" text not null,
  "state" text not null,
  "restarts" integer not null,
  "lastError" text,
  "stderr" jsonb not null default '[]',
  "memoryBytes" bigint,
  "startedAt" timestamptz(3),
  "changedAt" timestamptz(3) not null,
  "seenAt" timestamptz(3) not null,
  constraint "StdioProcess_pkey" primary key ("serverId", "owner", "instance"),
  constraint "StdioProcess_serverId_fkey" foreign key ("serverId") references "McpServer" ("id") on update cascade on delete cascade
);
