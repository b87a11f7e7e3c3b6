create table "ToolListing" (
  "serverId" text not null,
  "listedAt" timestamptz(3),
  "problem" text,
  "problemSince" timestamptz(3),
  "reportedAt" timestamptz(3),
  "leftOut" jsonb not null default '[]',
  "leftOutTotal" integer not null default 0,
  constraint "ToolListing_pkey" primary key ("serverId"),
  constraint "ToolListing_serverId_fkey" foreign key ("serverId") references "McpServer" ("id") on delete cascade on update cascade
);
