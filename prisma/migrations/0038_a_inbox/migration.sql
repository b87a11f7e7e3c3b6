create table "NotificationCursor" (
  "id" integer not null default 1,
  "seq" bigint not null,
  constraint "NotificationCursor_pkey" primary key ("id")
);
-- People are told of what happens from now on.
insert into "NotificationCursor" ("id", "seq") values (1, coalesce((select max("seq") from "AuditHead"), 0));

create table "Notification" (
  "id" uuid not null,
  "personId" uuid not null,
  "eventSeq" bigint not null,
  "kind" text not null,
  "title" text not null,
  "body" text not null,
  "path" text not null,
  "thread" text not null,
  "inInbox" boolean not null default true,
  "createdAt" timestamptz(3) not null default current_timestamp,
  "readAt" timestamptz(3),
  constraint "Notification_pkey" primary key ("id"),
  constraint "Notification_personId_fkey" foreign key ("personId") references "Person" ("id") on delete restrict on update cascade
);
create unique index "Notification_personId_eventSeq_key" on "Notification" ("personId", "eventSeq");
create index "Notification_personId_createdAt_id_idx" on "Notification" ("personId", "createdAt" desc, "id" desc);
create index "Notification_createdAt_idx" on "Notification" ("createdAt");
-- The badge counts these every few seconds, for everybody who has the portal open.
create index "Notification_unread" on "Notification" ("personId", "kind") where "readAt" is null and "inInbox";
