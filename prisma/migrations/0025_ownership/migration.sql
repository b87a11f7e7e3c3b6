-- Why and since when somebody may not sign in, and when the identity provider last said in which groups they are.
ALTER TABLE "Person" ADD COLUMN "deactivatedAt" TIMESTAMPTZ(3),
ADD COLUMN "deactivatedBecause" TEXT,
ADD COLUMN "deactivationReason" TEXT,
ADD COLUMN "groupsSeenAt" TIMESTAMPTZ(3);

update "Person" p set "groupsSeenAt" = coalesce((select max(s."createdAt") from "LoginSession" s where s."personId" = p."id"), p."createdAt")
where p."source" = 'oidc';

CREATE TABLE "OrphanedAgent" (
    "agentId" TEXT NOT NULL,
    "personId" UUID NOT NULL,
    "because" TEXT NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL,
    "suspendAt" TIMESTAMPTZ(3) NOT NULL,
    "suspendedAt" TIMESTAMPTZ(3),

    CONSTRAINT "OrphanedAgent_pkey" PRIMARY KEY ("agentId")
);

CREATE INDEX "OrphanedAgent_suspendAt_idx" ON "OrphanedAgent"("suspendAt");

ALTER TABLE "OrphanedAgent" ADD CONSTRAINT "OrphanedAgent_agentId_fkey" FOREIGN KEY ("agentId") REFERENCES "Agent"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Those who have left: few, asked for every second.
create index "Person_left_idx" on "Person" ("id") where not "active";
