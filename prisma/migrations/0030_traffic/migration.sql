-- What went through the broker, by hour and tool and by day, agent and tool: sums of the audit log, kept by the worker.
CREATE TABLE "ToolHour" (
    "serverId" TEXT NOT NULL,
    "tool" TEXT NOT NULL,
    "hour" TIMESTAMPTZ(0) NOT NULL,
    "calls" INTEGER NOT NULL DEFAULT 0,
    "refused" INTEGER NOT NULL DEFAULT 0,
    "held" INTEGER NOT NULL DEFAULT 0,
    "toolErrors" INTEGER NOT NULL DEFAULT 0,
    "serverErrors" INTEGER NOT NULL DEFAULT 0,
    "aborted" INTEGER NOT NULL DEFAULT 0,
    "msSum" BIGINT NOT NULL DEFAULT 0,
    "msBuckets" INTEGER[],

    CONSTRAINT "ToolHour_pkey" PRIMARY KEY ("serverId", "hour", "tool")
);

CREATE INDEX "ToolHour_hour_idx" ON "ToolHour"("hour");

CREATE TABLE "AgentToolDay" (
    "agentId" TEXT NOT NULL,
    "serverId" TEXT NOT NULL,
    "tool" TEXT NOT NULL,
    "day" DATE NOT NULL,
    "calls" INTEGER NOT NULL DEFAULT 0,
    "refused" INTEGER NOT NULL DEFAULT 0,
    "errors" INTEGER NOT NULL DEFAULT 0,
    "lastAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "AgentToolDay_pkey" PRIMARY KEY ("agentId", "day", "serverId", "tool")
);

CREATE INDEX "AgentToolDay_serverId_tool_day_idx" ON "AgentToolDay"("serverId", "tool", "day");

CREATE INDEX "AgentToolDay_day_idx" ON "AgentToolDay"("day");

CREATE TABLE "TrafficCursor" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "seq" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "TrafficCursor_pkey" PRIMARY KEY ("id")
);

insert into "TrafficCursor" ("id", "seq") values (1, 0);
