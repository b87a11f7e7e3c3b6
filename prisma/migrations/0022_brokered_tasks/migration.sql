-- Under which ids agents know tasks that their servers list.
CREATE TABLE "BrokeredTask" (
    "key" TEXT NOT NULL,
    "taskId" TEXT NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "BrokeredTask_pkey" PRIMARY KEY ("key")
);

CREATE INDEX "BrokeredTask_expiresAt_idx" ON "BrokeredTask"("expiresAt");
