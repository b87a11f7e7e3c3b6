alter table "Notification" add column "count" integer not null default 1;
create index "Notification_personId_toldAt_id_idx" on "Notification" ("personId", "toldAt" desc, "id" desc);

alter table "NotificationDelivery" add column "kind" text;
alter table "NotificationDelivery" add column "thread" text;
alter table "NotificationDelivery" add column "count" integer not null default 1;
alter table "NotificationDelivery" add column "urgent" boolean not null default false;
alter table "NotificationDelivery" add column "begunAt" timestamptz(3);

alter table "ScopeRequest" add column "escalationRuleId" uuid;
