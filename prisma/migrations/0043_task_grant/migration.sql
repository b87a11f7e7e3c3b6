-- Under which grant a task was begun: so that it is decided about without opening its id.
ALTER TABLE "BrokeredTask" ADD COLUMN "grantId" TEXT;
