-- What was found out about a server before it was registered, or since.
create table "ServerProbe" (
  "id" uuid primary key,
  "url" text not null,
  "credentialKind" text,
  "headerName" text,
  "ciphertext" bytea,
  "report" jsonb,
  "requestedById" text not null,
  "createdAt" timestamptz(3) not null default current_timestamp,
  "finishedAt" timestamptz(3)
);
create index "ServerProbe_url_createdAt_idx" on "ServerProbe" ("url", "createdAt");
