alter table "AppClient" add column "registeredFrom" text;
