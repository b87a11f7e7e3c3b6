-- Each try of a replay writes differences of its own, outside of a transaction: a report shows those of the try that ended it.
alter table "PolicyReplayDifference" add column "attempt" integer;
update "PolicyReplayDifference" d set "attempt" = r."attempt" from "PolicyReplay" r where r."id" = d."replayId";
alter table "PolicyReplayDifference" alter column "attempt" set not null,
    drop constraint "PolicyReplayDifference_pkey",
    add constraint "PolicyReplayDifference_pkey" primary key ("replayId", "attempt", "position");

-- Recorded decisions that a try has read, added up part by part of the log, until it has judged them: they are more than a process can hold.
create table "PolicyReplayGroup" (
    "replayId" uuid not null,
    "attempt" integer not null,
    "situation" text not null,
    "firstSeq" bigint not null,
    "decision" text not null,
    "rule" text,
    "version" text,
    "hour" integer,
    "calls" integer not null,
    "lastAt" timestamptz(3) not null,
    constraint "PolicyReplayGroup_pkey" primary key ("replayId", "attempt", "situation", "firstSeq"),
    constraint "PolicyReplayGroup_replayId_fkey" foreign key ("replayId") references "PolicyReplay"("id") on delete cascade on update cascade
);
