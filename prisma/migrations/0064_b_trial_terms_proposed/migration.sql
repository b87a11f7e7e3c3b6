-- Terms below the defaults hold once a second person has confirmed them; one proposal at a time.
create table "PolicyTrialProposal" (
    "id" integer not null default 1,
    "logOnlyMinutes" integer not null,
    "logOnlyCalls" integer not null,
    "proposedById" uuid not null,
    "proposedByName" text not null,
    "proposedAt" timestamptz(3) not null,
    constraint "PolicyTrialProposal_pkey" primary key ("id"),
    constraint "PolicyTrialProposal_one" check ("id" = 1)
);
