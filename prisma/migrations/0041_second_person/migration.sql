-- Who asked for the end of an order that two people end.
ALTER TABLE "StopOrder"
    ADD COLUMN "releaseAskedById" UUID,
    ADD COLUMN "releaseAskedByName" TEXT,
    ADD COLUMN "releaseAskedAt" TIMESTAMPTZ(3),
    ADD COLUMN "releaseAskedReason" TEXT;
