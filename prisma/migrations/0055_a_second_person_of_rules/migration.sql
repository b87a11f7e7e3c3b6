-- What makes approval easier takes two people: a rule that does holds from when a second one confirms it, and so does the end of one. Rules that are there already hold.
ALTER TABLE "ApprovalRule"
    ADD COLUMN "inForceAt" TIMESTAMPTZ(3) DEFAULT CURRENT_TIMESTAMP,
    ADD COLUMN "confirmedById" UUID,
    ADD COLUMN "endAskedById" UUID,
    ADD COLUMN "endAskedAt" TIMESTAMPTZ(3),
    ADD COLUMN "endAskedReason" TEXT;

-- Without a rule calls go through that a person decided about.
ALTER TABLE "HoldRule"
    ADD COLUMN "endAskedById" UUID,
    ADD COLUMN "endAskedAt" TIMESTAMPTZ(3),
    ADD COLUMN "endAskedReason" TEXT;
