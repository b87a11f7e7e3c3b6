create table "WebhookEndpoint" (
  "id" uuid not null,
  "url" text not null,
  "description" text not null,
  "events" text[],
  "secret" bytea not null,
  "previousSecret" bytea,
  "previousUntil" timestamptz(3),
  "enabled" boolean not null default true,
  "disabledReason" text,
  "failingSince" timestamptz(3),
  "cursor" bigint not null,
  "createdAt" timestamptz(3) not null default current_timestamp,
  "createdById" text not null,
  "createdByName" text not null,
  constraint "WebhookEndpoint_pkey" primary key ("id")
);

create table "WebhookDelivery" (
  "id" uuid not null,
  "endpointId" uuid not null,
  "eventSeq" bigint,
  "event" text not null,
  "body" text not null,
  "state" text not null default 'pending',
  "attempts" integer not null default 0,
  "nextAttemptAt" timestamptz(3),
  "createdAt" timestamptz(3) not null default current_timestamp,
  "settledAt" timestamptz(3),
  constraint "WebhookDelivery_pkey" primary key ("id"),
  constraint "WebhookDelivery_endpointId_fkey" foreign key ("endpointId") references "WebhookEndpoint" ("id") on delete cascade on update cascade
);
create unique index "WebhookDelivery_endpointId_eventSeq_key" on "WebhookDelivery" ("endpointId", "eventSeq");
create index "WebhookDelivery_endpointId_createdAt_id_idx" on "WebhookDelivery" ("endpointId", "createdAt" desc, "id" desc);

create table "WebhookAttempt" (
  "id" uuid not null,
  "deliveryId" uuid not null,
  "number" integer not null,
  "at" timestamptz(3) not null,
  "ms" integer not null,
  "status" integer,
  "error" text,
  constraint "WebhookAttempt_pkey" primary key ("id"),
  constraint "WebhookAttempt_deliveryId_fkey" foreign key ("deliveryId") references "WebhookDelivery" ("id") on delete cascade on update cascade
);
create unique index "WebhookAttempt_deliveryId_number_key" on "WebhookAttempt" ("deliveryId", "number");
