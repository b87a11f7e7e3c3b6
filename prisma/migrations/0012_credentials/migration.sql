-- A server may have a credential of its own and one for each team.
alter table "UpstreamCredential"
  add column "id" uuid not null default gen_random_uuid(),
  add column "teamId" text,
  add column "settings" jsonb not null default '{}',
  add column "setById" uuid,
  add column "setByName" text,
  add column "reason" text,
  add column "expiresAt" timestamptz(3),
  add column "expiryWarnedAt" timestamptz(3),
  add column "tokens" bytea,
  add column "tokensExpireAt" timestamptz(3),
  add column "wantedScope" text,
  add column "lastError" text,
  add column "lastErrorAt" timestamptz(3);
alter table "UpstreamCredential" alter column "id" drop default;
alter table "UpstreamCredential" drop constraint "UpstreamCredential_pkey";
alter table "UpstreamCredential" add constraint "UpstreamCredential_pkey" primary key ("id");
alter table "UpstreamCredential" add constraint "UpstreamCredential_teamId_fkey"
  foreign key ("teamId") references "Team"("id") on delete restrict on update cascade;
create unique index "UpstreamCredential_serverId_teamId_key" on "UpstreamCredential"("serverId", "teamId");
-- The unique index above takes every null for another one.
create unique index "UpstreamCredential_of_server_key" on "UpstreamCredential"("serverId") where "teamId" is null;
create index "UpstreamCredential_teamId_idx" on "UpstreamCredential"("teamId");

drop trigger noted_credential on "UpstreamCredential";
-- Not of tokens and of how it fares, which change all the time: brokers read those where they use them.
create trigger noted_credential after insert or delete or update of "kind", "headerName", "ciphertext", "keyId", "settings", "teamId"
  on "UpstreamCredential" for each row execute function note_policy_change('server', 'serverId');
drop trigger policy_credential on "UpstreamCredential";
create trigger policy_credential after insert or delete or update of "kind", "headerName", "ciphertext", "keyId", "settings", "teamId"
  on "UpstreamCredential" for each statement execute function notify_policy();

create table "UpstreamAuthorization" (
  "id" text not null,
  "serverId" text not null,
  "teamId" text,
  "personId" uuid not null,
  "sessionId" text not null,
  "ciphertext" bytea not null,
  "expiresAt" timestamptz(3) not null,
  constraint "UpstreamAuthorization_pkey" primary key ("id"),
  constraint "UpstreamAuthorization_serverId_fkey" foreign key ("serverId") references "McpServer"("id") on delete cascade on update cascade
);
create index "UpstreamAuthorization_expiresAt_idx" on "UpstreamAuthorization"("expiresAt");

create table "KeyEncryptionKey" (
  "generation" integer not null,
  "id" text not null,
  "madeCurrentAt" timestamptz(3) not null,
  "madeCurrentBy" text not null,
  "rewrapped" integer not null default 0,
  "rewrappedAt" timestamptz(3),
  "lastError" text,
  constraint "KeyEncryptionKey_pkey" primary key ("generation")
);
