-- Writes of the API that carry an Idempotency-Key, and what they were answered.
create table "IdempotentRequest" (
  "caller" text not null,
  "key" text not null,
  "fingerprint" text not null,
  "attempt" integer not null default 1,
  "state" text not null,
  "status" integer,
  "contentType" text,
  "body" text,
  "withheld" boolean not null default false,
  "startedAt" timestamptz(3) not null,
  "expiresAt" timestamptz(3) not null,
  primary key ("caller", "key")
);
create index "IdempotentRequest_expiresAt_idx" on "IdempotentRequest" ("expiresAt");
