create table "FetchedPackage" (
  "id" uuid primary key,
  "name" text not null,
  "version" text not null,
  "integrity" text,
  "lockDigest" text,
  "lock" jsonb,
  "facts" jsonb,
  "problem" jsonb,
  "progress" jsonb,
  "requestedById" text not null,
  "createdAt" timestamptz(3) not null default current_timestamp,
  "finishedAt" timestamptz(3)
);
create index "FetchedPackage_lockDigest_idx" on "FetchedPackage" ("lockDigest");
create index "FetchedPackage_name_version_createdAt_idx" on "FetchedPackage" ("name", "version", "createdAt");
