create table "SpendingLook" (
  "id" integer not null default 1,
  "at" timestamptz(3) not null,
  constraint "SpendingLook_pkey" primary key ("id")
);
