create table "ArgumentObservation" (
  "eventId" uuid not null,
  "facts" json not null,
  constraint "ArgumentObservation_pkey" primary key ("eventId")
);

create table "ArgumentProfile" (
  "agentId" text not null,
  "serverId" text not null,
  "tool" text not null,
  "week" date not null,
  "calls" integer not null,
  "unknown" integer not null,
  "known" integer not null,
  "firstAt" timestamptz(3) not null,
  "paths" json not null,
  constraint "ArgumentProfile_pkey" primary key ("agentId", "week", "serverId", "tool")
);
