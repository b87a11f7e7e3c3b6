-- Apps that people allow to read for them: OAuth clients, what each person allowed, and the tokens of it.
create table "AppClient" (
  "id" text not null,
  "kind" text not null,
  "name" text not null,
  "redirectUris" text[],
  "createdAt" timestamptz(3) not null default current_timestamp,
  "readAt" timestamptz(3),
  constraint "AppClient_pkey" primary key ("id")
);
create index "AppClient_createdAt_idx" on "AppClient" ("createdAt");

create table "AppConnection" (
  "id" uuid not null,
  "personId" uuid not null,
  "clientId" text not null,
  "clientName" text not null,
  "resource" text not null,
  "permissions" text[],
  "createdAt" timestamptz(3) not null default current_timestamp,
  "expiresAt" timestamptz(3) not null,
  "lastUsedAt" timestamptz(3),
  "revokedAt" timestamptz(3),
  constraint "AppConnection_pkey" primary key ("id"),
  constraint "AppConnection_personId_fkey" foreign key ("personId") references "Person" ("id") on delete restrict on update cascade,
  constraint "AppConnection_clientId_fkey" foreign key ("clientId") references "AppClient" ("id") on delete restrict on update cascade
);
create index "AppConnection_personId_idx" on "AppConnection" ("personId");
create index "AppConnection_clientId_idx" on "AppConnection" ("clientId");

create table "AppToken" (
  "hash" text not null,
  "connectionId" uuid not null,
  "kind" text not null,
  "createdAt" timestamptz(3) not null default current_timestamp,
  "expiresAt" timestamptz(3) not null,
  "usedAt" timestamptz(3),
  "redirectUri" text,
  "challenge" text,
  constraint "AppToken_pkey" primary key ("hash"),
  constraint "AppToken_connectionId_fkey" foreign key ("connectionId") references "AppConnection" ("id") on delete cascade on update cascade
);
create index "AppToken_connectionId_idx" on "AppToken" ("connectionId");
create index "AppToken_expiresAt_idx" on "AppToken" ("expiresAt");
