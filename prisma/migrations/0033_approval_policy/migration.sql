-- Who approves which scope is data: rules by environment, class, sensitivity and tier say who, how many, in which order, and by when.
CREATE TABLE "ApprovalRule" (
    "id" UUID NOT NULL,
    "title" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "environments" TEXT[],
    "classes" TEXT[],
    "sensitivities" TEXT[],
    "tiers" TEXT[],
    "steps" JSONB NOT NULL,
    "inOrder" BOOLEAN NOT NULL DEFAULT false,
    "daysMax" INTEGER,
    "dueHours" INTEGER NOT NULL,
    "createdById" UUID,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "removedAt" TIMESTAMPTZ(3),
    "removedById" UUID,

    CONSTRAINT "ApprovalRule_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "ScopeApproval" (
    "id" UUID NOT NULL,
    "requestId" UUID NOT NULL,
    "revision" INTEGER NOT NULL,
    "ruleId" UUID,
    "step" INTEGER NOT NULL,
    "personId" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "note" TEXT,
    "days" INTEGER,
    "conditions" JSONB NOT NULL DEFAULT '[]',
    "rateCalls" INTEGER,
    "ratePer" TEXT,

    CONSTRAINT "ScopeApproval_pkey" PRIMARY KEY ("id")
);

CREATE INDEX "ScopeApproval_requestId_revision_idx" ON "ScopeApproval"("requestId", "revision");

ALTER TABLE "ScopeApproval" ADD CONSTRAINT "ScopeApproval_requestId_fkey" FOREIGN KEY ("requestId") REFERENCES "ScopeRequest"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

ALTER TYPE "ScopeRequestState" ADD VALUE 'changes_requested';

ALTER TABLE "ScopeRequest" ADD COLUMN "revision" INTEGER NOT NULL DEFAULT 1,
    ADD COLUMN "ticket" TEXT,
    ADD COLUMN "dueAt" TIMESTAMPTZ(3),
    ADD COLUMN "overdueToldAt" TIMESTAMPTZ(3);

ALTER TABLE "Grant" ADD COLUMN "endingToldAt" TIMESTAMPTZ(3);

CREATE INDEX "Grant_expiresAt_idx" ON "Grant"("expiresAt");
