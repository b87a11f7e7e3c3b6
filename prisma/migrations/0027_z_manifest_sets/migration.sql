-- Which agents a set of manifests has created.
create table "ManifestSetAgent" (
  "agentId" text not null,
  "set" text not null,
  "createdAt" timestamptz(3) not null default current_timestamp,
  constraint "ManifestSetAgent_pkey" primary key ("agentId"),
  constraint "ManifestSetAgent_agentId_fkey" foreign key ("agentId") references "Agent" ("id") on delete cascade on update cascade
);
create index "ManifestSetAgent_set_idx" on "ManifestSetAgent" ("set");
