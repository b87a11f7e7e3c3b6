-- Campaigns: grants are certified, narrowed or revoked by those who answer for their agents, until a date.
CREATE TYPE "ReviewDecision" AS ENUM ('keep', 'narrow', 'revoke');

CREATE TABLE "ReviewCampaign" (
    "id" UUID NOT NULL,
    "title" TEXT NOT NULL,
    "query" TEXT,
    "days" INTEGER NOT NULL,
    "atEnd" "ReviewDecision" NOT NULL,
    "startedById" UUID NOT NULL,
    "startedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "dueAt" TIMESTAMPTZ(3) NOT NULL,
    "remindedAt" TIMESTAMPTZ(3),
    "endedAt" TIMESTAMPTZ(3),
    "endedById" UUID,

    CONSTRAINT "ReviewCampaign_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "ReviewItem" (
    "id" UUID NOT NULL,
    "campaignId" UUID NOT NULL,
    "agentId" TEXT NOT NULL,
    "grantId" UUID NOT NULL,
    "evidence" JSONB NOT NULL,
    "decision" "ReviewDecision",
    "reason" TEXT,
    "how" TEXT,
    "decidedById" UUID,
    "decidedAt" TIMESTAMPTZ(3),

    CONSTRAINT "ReviewItem_pkey" PRIMARY KEY ("id")
);

CREATE INDEX "ReviewCampaign_endedAt_dueAt_idx" ON "ReviewCampaign"("endedAt", "dueAt");

CREATE UNIQUE INDEX "ReviewItem_campaignId_grantId_key" ON "ReviewItem"("campaignId", "grantId");

CREATE INDEX "ReviewItem_campaignId_agentId_id_idx" ON "ReviewItem"("campaignId", "agentId", "id");

CREATE INDEX "ReviewItem_agentId_idx" ON "ReviewItem"("agentId");

CREATE INDEX "ReviewItem_grantId_idx" ON "ReviewItem"("grantId");

ALTER TABLE "ReviewItem" ADD CONSTRAINT "ReviewItem_campaignId_fkey" FOREIGN KEY ("campaignId") REFERENCES "ReviewCampaign"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

ALTER TABLE "ReviewItem" ADD CONSTRAINT "ReviewItem_agentId_fkey" FOREIGN KEY ("agentId") REFERENCES "Agent"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

ALTER TABLE "ReviewItem" ADD CONSTRAINT "ReviewItem_grantId_fkey" FOREIGN KEY ("grantId") REFERENCES "Grant"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
