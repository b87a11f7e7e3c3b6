-- What loosens the facts of servers and tools, by which controls are chosen, waits here for a second person.
create table "Loosening" (
  "id" uuid primary key,
  "serverId" text not null,
  "toolName" text,
  "what" text not null,
  "before" text not null,
  "after" text,
  "classSource" text,
  "definitionHash" text,
  "reason" text,
  "proposedById" uuid not null,
  "proposedAt" timestamptz(3) not null,
  "endedAt" timestamptz(3),
  "endedById" uuid,
  "how" text
);
create index "Loosening_serverId_endedAt_idx" on "Loosening" ("serverId", "endedAt");
create index "Loosening_endedAt_proposedAt_idx" on "Loosening" ("endedAt", "proposedAt");
alter table "Loosening" add constraint "Loosening_serverId_fkey" foreign key ("serverId") references "McpServer" ("id")
  on delete restrict on update cascade;
