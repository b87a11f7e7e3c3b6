alter table "Notification"
  add column "toldAt" timestamptz(3) not null default current_timestamp,
  add column "mailDigest" text,
  add column "slackDigest" text;
-- What waits for a digest.
create index "Notification_digest" on "Notification" ("personId") where "mailDigest" is not null or "slackDigest" is not null;

create table "NotificationPreference" (
  "personId" uuid not null,
  "kind" text not null,
  "channel" text not null,
  "mode" text not null,
  constraint "NotificationPreference_pkey" primary key ("personId", "kind", "channel"),
  constraint "NotificationPreference_personId_fkey" foreign key ("personId") references "Person" ("id") on delete restrict on update cascade
);

create table "DigestTime" (
  "personId" uuid not null,
  "timeZone" text not null,
  "hour" integer not null,
  "weekday" integer not null,
  constraint "DigestTime_pkey" primary key ("personId"),
  constraint "DigestTime_personId_fkey" foreign key ("personId") references "Person" ("id") on delete restrict on update cascade
);

create table "Digest" (
  "personId" uuid not null,
  "medium" text not null,
  "cadence" text not null,
  "period" text not null,
  "madeAt" timestamptz(3) not null,
  constraint "Digest_pkey" primary key ("personId", "medium", "cadence", "period"),
  constraint "Digest_personId_fkey" foreign key ("personId") references "Person" ("id") on delete restrict on update cascade
);

create table "NotificationChannel" (
  "id" uuid not null,
  "personId" uuid,
  "teamId" text,
  "name" text not null,
  "url" bytea not null,
  "host" text not null,
  "kinds" text[],
  "enabled" boolean not null default true,
  "disabledReason" text,
  "createdAt" timestamptz(3) not null default current_timestamp,
  "createdById" uuid not null,
  "createdByName" text not null,
  constraint "NotificationChannel_pkey" primary key ("id"),
  constraint "NotificationChannel_personId_fkey" foreign key ("personId") references "Person" ("id") on delete restrict on update cascade,
  constraint "NotificationChannel_teamId_fkey" foreign key ("teamId") references "Team" ("id") on delete restrict on update cascade,
  -- A person's or a team's, not both.
  constraint "NotificationChannel_owner" check ("personId" is null or "teamId" is null)
);
create unique index "NotificationChannel_personId_key" on "NotificationChannel" ("personId");
create index "NotificationChannel_teamId_idx" on "NotificationChannel" ("teamId");

create table "NotificationDelivery" (
  "id" uuid not null,
  "medium" text not null,
  "personId" uuid,
  "channelId" uuid,
  "what" text not null,
  "eventSeq" bigint,
  "message" jsonb not null,
  "state" text not null default 'pending',
  "attempts" integer not null default 0,
  "nextAttemptAt" timestamptz(3),
  "lastError" text,
  "createdAt" timestamptz(3) not null default current_timestamp,
  "settledAt" timestamptz(3),
  constraint "NotificationDelivery_pkey" primary key ("id"),
  constraint "NotificationDelivery_personId_fkey" foreign key ("personId") references "Person" ("id") on delete restrict on update cascade,
  constraint "NotificationDelivery_channelId_fkey" foreign key ("channelId") references "NotificationChannel" ("id") on delete cascade on update cascade
);
create unique index "NotificationDelivery_personId_eventSeq_key" on "NotificationDelivery" ("personId", "eventSeq");
create unique index "NotificationDelivery_channelId_eventSeq_key" on "NotificationDelivery" ("channelId", "eventSeq");
create index "NotificationDelivery_personId_createdAt_idx" on "NotificationDelivery" ("personId", "createdAt" desc);
create index "NotificationDelivery_channelId_createdAt_idx" on "NotificationDelivery" ("channelId", "createdAt" desc);
-- What is due, and what is old.
create index "NotificationDelivery_due" on "NotificationDelivery" ("nextAttemptAt", "id") where "state" = 'pending';
create index "NotificationDelivery_settledAt" on "NotificationDelivery" ("settledAt") where "settledAt" is not null;
