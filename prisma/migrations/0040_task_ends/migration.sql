-- Whose task it is and how it goes on, so that a broker can cancel those that a stop covers.
ALTER TABLE "BrokeredTask"
    ADD COLUMN "agentId" TEXT,
    ADD COLUMN "agentVersion" INTEGER,
    ADD COLUMN "runId" UUID,
    ADD COLUMN "serverId" TEXT,
    ADD COLUMN "tool" TEXT,
    ADD COLUMN "revocableAs" TEXT[] DEFAULT ARRAY[]::TEXT[],
    ADD COLUMN "session" BYTEA,
    ADD COLUMN "overAt" TIMESTAMPTZ(3),
    ADD COLUMN "cancelRule" TEXT,
    ADD COLUMN "cancelledAt" TIMESTAMPTZ(3),
    ADD COLUMN "cancelTries" INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN "cancelOutcome" TEXT;

CREATE INDEX "BrokeredTask_overAt_expiresAt_idx" ON "BrokeredTask"("overAt", "expiresAt");
