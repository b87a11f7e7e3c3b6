-- Sessions at servers that belong to one session of an agent at the merged address, by a digest of its name: every replica goes on in the same.
create table "McpServerSession" (
  "key" text not null,
  "session" text not null,
  "serverId" text not null,
  "upstream" text not null,
  "createdAt" timestamptz(3) not null,
  constraint "McpServerSession_pkey" primary key ("key")
);
create index "McpServerSession_session_idx" on "McpServerSession" ("session");
create index "McpServerSession_createdAt_idx" on "McpServerSession" ("createdAt");
