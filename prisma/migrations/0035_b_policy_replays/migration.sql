-- What recorded calls would have been under another set of central policies: asked by a person, worked out by the worker, kept.
create type "PolicyReplayState" as enum ('queued', 'running', 'done', 'failed', 'cancelled');
create table "PolicyReplay" (
    "id" uuid not null,
    "setNumber" integer not null,
    "setVersion" text not null,
    "fromAt" timestamptz(3) not null,
    "toAt" timestamptz(3) not null,
    "state" "PolicyReplayState" not null default 'queued',
    "attempt" integer not null default 0,
    "afterSeq" bigint not null,
    "upToSeq" bigint not null,
    "doneSeq" bigint not null,
    "report" jsonb,
    "error" text,
    "requestedById" text not null,
    "requestedByName" text not null,
    "createdAt" timestamptz(3) not null default current_timestamp,
    "startedAt" timestamptz(3),
    "endedAt" timestamptz(3),
    constraint "PolicyReplay_pkey" primary key ("id")
);
create index "PolicyReplay_setNumber_createdAt_id_idx" on "PolicyReplay"("setNumber", "createdAt" desc, "id" desc);
-- One at a time of a set.
create unique index policy_replay_open on "PolicyReplay" ("setNumber") where "state" in ('queued', 'running');

create table "PolicyReplayDifference" (
    "replayId" uuid not null,
    "position" integer not null,
    "kind" text not null,
    "situation" text not null,
    "agentId" text not null,
    "serverId" text not null,
    "tool" text not null,
    "rule" text not null,
    "hours" integer[],
    "calls" integer not null,
    constraint "PolicyReplayDifference_pkey" primary key ("replayId", "position"),
    constraint "PolicyReplayDifference_replayId_fkey" foreign key ("replayId") references "PolicyReplay"("id") on delete cascade on update cascade
);
