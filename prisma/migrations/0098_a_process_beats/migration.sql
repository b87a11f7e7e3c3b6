create table "ProcessBeat" (
  "process" text not null,
  "instance" text not null,
  "since" timestamptz(3) not null,
  "seenAt" timestamptz(3) not null,
  constraint "ProcessBeat_pkey" primary key ("process", "instance")
);
