-- Break-glass: a grant that one person takes in an emergency, for hours at most, and that another one reviews afterwards.
CREATE TABLE "BreakGlassReview" (
    "grantId" UUID NOT NULL,
    "agentId" TEXT NOT NULL,
    "openedById" UUID NOT NULL,
    "openedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "verdict" TEXT,
    "note" TEXT,
    "reviewedById" UUID,
    "reviewedAt" TIMESTAMPTZ(3),

    CONSTRAINT "BreakGlassReview_pkey" PRIMARY KEY ("grantId")
);

CREATE INDEX "BreakGlassReview_reviewedAt_openedAt_idx" ON "BreakGlassReview"("reviewedAt", "openedAt");

ALTER TABLE "BreakGlassReview" ADD CONSTRAINT "BreakGlassReview_grantId_fkey" FOREIGN KEY ("grantId") REFERENCES "Grant"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
