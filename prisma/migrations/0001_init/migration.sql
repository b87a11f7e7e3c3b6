-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "EmbWorkState" AS ENUM ('queued', 'starting', 'active', 'stopping', 'stopped');

-- CreateEnum
CREATE TYPE "EmbSessionStatus" AS ENUM ('idle', 'running', 'rescheduling', 'terminated');

-- CreateEnum
CREATE TYPE "RunState" AS ENUM ('queued', 'running', 'stopping', 'succeeded', 'failed', 'stopped', 'refused');

-- CreateEnum
CREATE TYPE "RunTrigger" AS ENUM ('manual', 'schedule', 'api', 'first_run');

-- CreateEnum
CREATE TYPE "EscalationKind" AS ENUM ('escalate', 'held', 'refusal');

-- CreateEnum
CREATE TYPE "StopScope" AS ENUM ('organization', 'team', 'server', 'agent', 'tool');

-- CreateEnum
CREATE TYPE "Tier" AS ENUM ('low', 'medium', 'high');

-- CreateEnum
CREATE TYPE "AgentStatus" AS ENUM ('provisioning', 'active', 'suspended', 'retired');

-- CreateEnum
CREATE TYPE "CreationStepState" AS ENUM ('pending', 'running', 'done', 'failed');

-- CreateEnum
CREATE TYPE "Environment" AS ENUM ('development', 'staging', 'production');

-- CreateEnum
CREATE TYPE "Sensitivity" AS ENUM ('public', 'internal', 'confidential', 'restricted');

-- CreateEnum
CREATE TYPE "ServerStatus" AS ENUM ('active', 'disabled');

-- CreateEnum
CREATE TYPE "ToolClass" AS ENUM ('read', 'write', 'destructive');

-- CreateEnum
CREATE TYPE "ToolState" AS ENUM ('approved', 'quarantined', 'removed');

-- CreateEnum
CREATE TYPE "ScopeRequestState" AS ENUM ('pending', 'approved', 'rejected', 'withdrawn');

-- CreateTable
CREATE TABLE "UsedAssertion" (
    "clientId" TEXT NOT NULL,
    "jti" TEXT NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "UsedAssertion_pkey" PRIMARY KEY ("clientId","jti")
);

-- CreateTable
CREATE TABLE "AuditEvent" (
    "seq" BIGINT NOT NULL,
    "id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "event" TEXT NOT NULL,
    "actorKind" TEXT NOT NULL,
    "actorId" TEXT NOT NULL,
    "actorName" TEXT NOT NULL,
    "subjectKind" TEXT NOT NULL,
    "subjectId" TEXT NOT NULL,
    "subjectName" TEXT NOT NULL,
    "agentId" TEXT,
    "teamId" TEXT,
    "serverId" TEXT,
    "tool" TEXT,
    "runId" UUID,
    "decision" TEXT,
    "rule" TEXT,
    "requestId" TEXT,
    "detail" JSONB NOT NULL,
    "leafHash" BYTEA,

    CONSTRAINT "AuditEvent_pkey" PRIMARY KEY ("seq")
);

-- CreateTable
CREATE TABLE "AuditHead" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "seq" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "AuditHead_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Person" (
    "id" UUID NOT NULL,
    "email" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "active" BOOLEAN NOT NULL DEFAULT true,
    "source" TEXT NOT NULL DEFAULT 'local',
    "subject" TEXT,
    "demo" BOOLEAN NOT NULL DEFAULT false,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Person_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "PersonRole" (
    "personId" UUID NOT NULL,
    "role" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "PersonRole_pkey" PRIMARY KEY ("personId","role")
);

-- CreateTable
CREATE TABLE "LoginSession" (
    "id" UUID NOT NULL,
    "personId" UUID NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "revokedAt" TIMESTAMPTZ(3),
    "userAgent" TEXT,

    CONSTRAINT "LoginSession_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AccessToken" (
    "id" UUID NOT NULL,
    "personId" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "permissions" TEXT[],
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "lastUsedAt" TIMESTAMPTZ(3),
    "revokedAt" TIMESTAMPTZ(3),
    "parentId" UUID,

    CONSTRAINT "AccessToken_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "RateLimit" (
    "key" TEXT NOT NULL,
    "windowStart" TIMESTAMPTZ(3) NOT NULL,
    "count" INTEGER NOT NULL,

    CONSTRAINT "RateLimit_pkey" PRIMARY KEY ("key","windowStart")
);

-- CreateTable
CREATE TABLE "SigningKey" (
    "kid" TEXT NOT NULL,
    "publicJwk" JSONB NOT NULL,
    "privateCiphertext" BYTEA NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "retiredAt" TIMESTAMPTZ(3),

    CONSTRAINT "SigningKey_pkey" PRIMARY KEY ("kid")
);

-- CreateTable
CREATE TABLE "AgentCredential" (
    "id" UUID NOT NULL,
    "agentId" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "secretHash" TEXT,
    "publicJwk" JSONB,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastUsedAt" TIMESTAMPTZ(3),
    "revokedAt" TIMESTAMPTZ(3),

    CONSTRAINT "AgentCredential_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "PolicyChange" (
    "seq" BIGSERIAL NOT NULL,
    "kind" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "xid" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "PolicyChange_pkey" PRIMARY KEY ("seq")
);

-- CreateTable
CREATE TABLE "EmbAgent" (
    "id" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,
    "archivedAt" TIMESTAMPTZ(3),

    CONSTRAINT "EmbAgent_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "EmbAgentVersion" (
    "agentId" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "config" JSONB NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "EmbAgentVersion_pkey" PRIMARY KEY ("agentId","version")
);

-- CreateTable
CREATE TABLE "EmbEnvironment" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT,
    "config" JSONB NOT NULL,
    "metadata" JSONB NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,
    "archivedAt" TIMESTAMPTZ(3),

    CONSTRAINT "EmbEnvironment_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "EmbWork" (
    "id" TEXT NOT NULL,
    "environmentId" TEXT NOT NULL,
    "sessionId" TEXT NOT NULL,
    "state" "EmbWorkState" NOT NULL,
    "metadata" JSONB NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "availableAt" TIMESTAMPTZ(3) NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "polledAt" TIMESTAMPTZ(3),
    "acknowledgedAt" TIMESTAMPTZ(3),
    "startedAt" TIMESTAMPTZ(3),
    "latestHeartbeatAt" TIMESTAMPTZ(3),
    "leaseTtlSeconds" INTEGER NOT NULL,
    "stopRequestedAt" TIMESTAMPTZ(3),
    "stoppedAt" TIMESTAMPTZ(3),

    CONSTRAINT "EmbWork_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "EmbWorkPoller" (
    "environmentId" TEXT NOT NULL,
    "workerId" TEXT NOT NULL,
    "polledAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "EmbWorkPoller_pkey" PRIMARY KEY ("environmentId","workerId")
);

-- CreateTable
CREATE TABLE "EmbSession" (
    "id" TEXT NOT NULL,
    "agentId" TEXT NOT NULL,
    "agentVersion" INTEGER NOT NULL,
    "agent" JSONB NOT NULL,
    "environmentId" TEXT NOT NULL,
    "title" TEXT,
    "metadata" JSONB NOT NULL,
    "vaultIds" TEXT[],
    "status" "EmbSessionStatus" NOT NULL,
    "stopReason" JSONB,
    "budgetCents" BIGINT,
    "toolset" JSONB,
    "nextSeq" INTEGER NOT NULL DEFAULT 1,
    "inputTokens" BIGINT NOT NULL DEFAULT 0,
    "outputTokens" BIGINT NOT NULL DEFAULT 0,
    "cacheReadTokens" BIGINT NOT NULL DEFAULT 0,
    "cacheWriteTokens" BIGINT NOT NULL DEFAULT 0,
    "modelCostMicros" BIGINT DEFAULT 0,
    "activeMs" BIGINT NOT NULL DEFAULT 0,
    "runningSince" TIMESTAMPTZ(3),
    "actionDeadline" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,
    "archivedAt" TIMESTAMPTZ(3),

    CONSTRAINT "EmbSession_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "EmbEvent" (
    "id" TEXT NOT NULL,
    "sessionId" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "type" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "internal" JSONB,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "processedAt" TIMESTAMPTZ(3),

    CONSTRAINT "EmbEvent_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "EmbVault" (
    "id" TEXT NOT NULL,
    "displayName" TEXT NOT NULL,
    "metadata" JSONB NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,
    "archivedAt" TIMESTAMPTZ(3),

    CONSTRAINT "EmbVault_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "EmbCredential" (
    "id" TEXT NOT NULL,
    "vaultId" TEXT NOT NULL,
    "displayName" TEXT,
    "metadata" JSONB NOT NULL,
    "auth" JSONB NOT NULL,
    "mcpServerUrl" TEXT NOT NULL,
    "secret" BYTEA NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,
    "archivedAt" TIMESTAMPTZ(3),

    CONSTRAINT "EmbCredential_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Run" (
    "id" UUID NOT NULL,
    "agentId" TEXT NOT NULL,
    "agentVersion" INTEGER NOT NULL,
    "trigger" "RunTrigger" NOT NULL,
    "state" "RunState" NOT NULL,
    "rule" TEXT,
    "input" TEXT NOT NULL,
    "claudeSessionId" TEXT,
    "claudeVaultId" TEXT,
    "claudeCredentialIds" TEXT[],
    "tokenExpiresAt" TIMESTAMPTZ(3),
    "simulated" BOOLEAN NOT NULL,
    "requestedById" UUID,
    "scheduledFor" TIMESTAMPTZ(3),
    "stopOrderId" UUID,
    "followedBy" TEXT,
    "followedUntil" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "startedAt" TIMESTAMPTZ(3),
    "endedAt" TIMESTAMPTZ(3),
    "stopReason" TEXT,
    "error" TEXT,
    "summary" TEXT,
    "model" TEXT,
    "inputTokens" BIGINT NOT NULL DEFAULT 0,
    "outputTokens" BIGINT NOT NULL DEFAULT 0,
    "cacheReadTokens" BIGINT NOT NULL DEFAULT 0,
    "cacheWriteTokens" BIGINT NOT NULL DEFAULT 0,
    "costMicros" BIGINT DEFAULT 0,
    "listCostMicros" BIGINT,
    "activeMs" BIGINT NOT NULL DEFAULT 0,
    "turns" INTEGER NOT NULL DEFAULT 0,
    "toolCalls" INTEGER NOT NULL DEFAULT 0,
    "deniedCalls" INTEGER NOT NULL DEFAULT 0,
    "escalationCount" INTEGER NOT NULL DEFAULT 0,
    "demo" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "Run_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "RunEvent" (
    "runId" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "kind" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "claudeEventId" TEXT,

    CONSTRAINT "RunEvent_pkey" PRIMARY KEY ("runId","seq")
);

-- CreateTable
CREATE TABLE "Escalation" (
    "id" UUID NOT NULL,
    "runId" UUID NOT NULL,
    "agentId" TEXT NOT NULL,
    "kind" "EscalationKind" NOT NULL,
    "title" TEXT NOT NULL,
    "detail" JSONB NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "resolvedAt" TIMESTAMPTZ(3),
    "resolvedBy" UUID,
    "sourceId" TEXT NOT NULL,

    CONSTRAINT "Escalation_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "StopOrder" (
    "id" UUID NOT NULL,
    "scope" "StopScope" NOT NULL,
    "targetId" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "orderedById" UUID,
    "orderedByName" TEXT NOT NULL,
    "orderedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "releasedById" UUID,
    "releasedByName" TEXT,
    "releasedAt" TIMESTAMPTZ(3),
    "releaseReason" TEXT,

    CONSTRAINT "StopOrder_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "StopAck" (
    "orderId" UUID NOT NULL,
    "process" TEXT NOT NULL,
    "instance" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "detail" JSONB NOT NULL,

    CONSTRAINT "StopAck_pkey" PRIMARY KEY ("orderId","process","instance")
);

-- CreateTable
CREATE TABLE "UsageRecord" (
    "id" UUID NOT NULL,
    "runId" UUID NOT NULL,
    "agentId" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "model" TEXT NOT NULL,
    "inputTokens" INTEGER NOT NULL,
    "outputTokens" INTEGER NOT NULL,
    "cacheReadTokens" INTEGER NOT NULL,
    "cacheWrite5mTokens" INTEGER NOT NULL,
    "cacheWrite1hTokens" INTEGER NOT NULL,
    "costMicros" BIGINT,
    "priceId" UUID,
    "sourceId" TEXT NOT NULL,

    CONSTRAINT "UsageRecord_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Price" (
    "id" UUID NOT NULL,
    "model" TEXT NOT NULL,
    "effectiveFrom" TIMESTAMPTZ(3) NOT NULL,
    "maxPromptTokens" INTEGER,
    "inputMicros" BIGINT,
    "outputMicros" BIGINT,
    "cacheReadMicros" BIGINT,
    "cacheWrite5mMicros" BIGINT,
    "cacheWrite1hMicros" BIGINT,
    "source" TEXT NOT NULL,

    CONSTRAINT "Price_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AgentDay" (
    "agentId" TEXT NOT NULL,
    "day" DATE NOT NULL,
    "runs" INTEGER NOT NULL DEFAULT 0,
    "succeeded" INTEGER NOT NULL DEFAULT 0,
    "failed" INTEGER NOT NULL DEFAULT 0,
    "escalatedRuns" INTEGER NOT NULL DEFAULT 0,
    "escalations" INTEGER NOT NULL DEFAULT 0,
    "toolCalls" INTEGER NOT NULL DEFAULT 0,
    "deniedCalls" INTEGER NOT NULL DEFAULT 0,
    "inputTokens" BIGINT NOT NULL DEFAULT 0,
    "outputTokens" BIGINT NOT NULL DEFAULT 0,
    "costMicros" BIGINT NOT NULL DEFAULT 0,
    "unpricedRequests" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "AgentDay_pkey" PRIMARY KEY ("agentId","day")
);

-- CreateTable
CREATE TABLE "Team" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "costCenter" TEXT,
    "demo" BOOLEAN NOT NULL DEFAULT false,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Team_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "TeamMember" (
    "teamId" TEXT NOT NULL,
    "personId" UUID NOT NULL,
    "lead" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "TeamMember_pkey" PRIMARY KEY ("teamId","personId")
);

-- CreateTable
CREATE TABLE "Agent" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "purpose" TEXT NOT NULL,
    "ownerTeamId" TEXT NOT NULL,
    "accountablePersonId" UUID NOT NULL,
    "tier" "Tier" NOT NULL,
    "status" "AgentStatus" NOT NULL,
    "statusReason" TEXT,
    "statusChangedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "currentVersion" INTEGER NOT NULL,
    "schedule" TEXT,
    "scheduleEnabled" BOOLEAN NOT NULL DEFAULT true,
    "monthlyBudgetMicros" BIGINT,
    "lastReviewedAt" TIMESTAMPTZ(3),
    "nextReviewAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "createdById" UUID,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "demo" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "Agent_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AgentVersion" (
    "agentId" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "templateId" TEXT NOT NULL,
    "templateVersion" TEXT NOT NULL,
    "layer" JSONB NOT NULL,
    "rendered" JSONB NOT NULL,
    "digest" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "createdById" UUID,

    CONSTRAINT "AgentVersion_pkey" PRIMARY KEY ("agentId","version")
);

-- CreateTable
CREATE TABLE "ClaudeBinding" (
    "agentId" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "claudeAgentId" TEXT NOT NULL,
    "claudeVersion" INTEGER NOT NULL,
    "boundAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ClaudeBinding_pkey" PRIMARY KEY ("agentId","version")
);

-- CreateTable
CREATE TABLE "CreationStep" (
    "agentId" TEXT NOT NULL,
    "step" TEXT NOT NULL,
    "position" INTEGER NOT NULL,
    "state" "CreationStepState" NOT NULL DEFAULT 'pending',
    "detail" TEXT,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "startedAt" TIMESTAMPTZ(3),
    "finishedAt" TIMESTAMPTZ(3),

    CONSTRAINT "CreationStep_pkey" PRIMARY KEY ("agentId","step")
);

-- CreateTable
CREATE TABLE "McpServer" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "environment" "Environment" NOT NULL,
    "sensitivity" "Sensitivity" NOT NULL,
    "status" "ServerStatus" NOT NULL DEFAULT 'active',
    "demo" BOOLEAN NOT NULL DEFAULT false,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "McpServer_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "McpTool" (
    "serverId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "title" TEXT,
    "description" TEXT NOT NULL,
    "inputSchema" JSONB NOT NULL,
    "annotations" JSONB NOT NULL,
    "class" "ToolClass" NOT NULL,
    "classSource" TEXT NOT NULL DEFAULT 'annotations',
    "state" "ToolState" NOT NULL,
    "definitionHash" TEXT NOT NULL,
    "definition" JSONB,
    "firstSeenAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastSeenAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "McpTool_pkey" PRIMARY KEY ("serverId","name")
);

-- CreateTable
CREATE TABLE "ServerHealth" (
    "serverId" TEXT NOT NULL,
    "broker" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "failures" INTEGER NOT NULL,
    "lastError" TEXT,
    "retryAt" TIMESTAMPTZ(3),
    "changedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "ServerHealth_pkey" PRIMARY KEY ("serverId","broker")
);

-- CreateTable
CREATE TABLE "UpstreamCredential" (
    "serverId" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "headerName" TEXT,
    "ciphertext" BYTEA NOT NULL,
    "keyId" TEXT NOT NULL,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastUsedAt" TIMESTAMPTZ(3),

    CONSTRAINT "UpstreamCredential_pkey" PRIMARY KEY ("serverId")
);

-- CreateTable
CREATE TABLE "Grant" (
    "id" UUID NOT NULL,
    "agentId" TEXT NOT NULL,
    "serverId" TEXT NOT NULL,
    "class" "ToolClass" NOT NULL,
    "toolName" TEXT,
    "reason" TEXT NOT NULL,
    "via" TEXT NOT NULL,
    "requestId" UUID,
    "createdById" UUID,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3),
    "revokedAt" TIMESTAMPTZ(3),
    "revokedById" UUID,

    CONSTRAINT "Grant_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ScopeRequest" (
    "id" UUID NOT NULL,
    "agentId" TEXT NOT NULL,
    "serverId" TEXT NOT NULL,
    "class" "ToolClass" NOT NULL,
    "toolName" TEXT,
    "reason" TEXT NOT NULL,
    "days" INTEGER,
    "state" "ScopeRequestState" NOT NULL DEFAULT 'pending',
    "requestedById" UUID NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "decidedById" UUID,
    "decidedAt" TIMESTAMPTZ(3),
    "decisionNote" TEXT,

    CONSTRAINT "ScopeRequest_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Template" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "summary" TEXT NOT NULL,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Template_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "TemplateVersion" (
    "templateId" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "manifest" JSONB NOT NULL,
    "prompt" TEXT NOT NULL,
    "changelog" TEXT NOT NULL,
    "evals" JSONB NOT NULL,
    "digest" TEXT NOT NULL,
    "publishedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "TemplateVersion_pkey" PRIMARY KEY ("templateId","version")
);

-- CreateIndex
CREATE INDEX "UsedAssertion_expiresAt_idx" ON "UsedAssertion"("expiresAt");

-- CreateIndex
CREATE UNIQUE INDEX "AuditEvent_id_key" ON "AuditEvent"("id");

-- CreateIndex
CREATE INDEX "AuditEvent_agentId_seq_idx" ON "AuditEvent"("agentId", "seq" DESC);

-- CreateIndex
CREATE INDEX "AuditEvent_event_seq_idx" ON "AuditEvent"("event", "seq" DESC);

-- CreateIndex
CREATE INDEX "AuditEvent_actorId_seq_idx" ON "AuditEvent"("actorId", "seq" DESC);

-- CreateIndex
CREATE INDEX "AuditEvent_runId_seq_idx" ON "AuditEvent"("runId", "seq");

-- CreateIndex
CREATE INDEX "AuditEvent_at_idx" ON "AuditEvent"("at");

-- CreateIndex
CREATE UNIQUE INDEX "Person_email_key" ON "Person"("email");

-- CreateIndex
CREATE UNIQUE INDEX "Person_subject_key" ON "Person"("subject");

-- CreateIndex
CREATE INDEX "LoginSession_personId_idx" ON "LoginSession"("personId");

-- CreateIndex
CREATE UNIQUE INDEX "AccessToken_hash_key" ON "AccessToken"("hash");

-- CreateIndex
CREATE INDEX "AccessToken_personId_idx" ON "AccessToken"("personId");

-- CreateIndex
CREATE INDEX "AccessToken_parentId_idx" ON "AccessToken"("parentId");

-- CreateIndex
CREATE UNIQUE INDEX "AgentCredential_clientId_key" ON "AgentCredential"("clientId");

-- CreateIndex
CREATE INDEX "AgentCredential_agentId_idx" ON "AgentCredential"("agentId");

-- CreateIndex
CREATE INDEX "PolicyChange_xid_idx" ON "PolicyChange"("xid");

-- CreateIndex
CREATE INDEX "PolicyChange_at_idx" ON "PolicyChange"("at");

-- CreateIndex
CREATE INDEX "EmbAgent_createdAt_id_idx" ON "EmbAgent"("createdAt", "id");

-- CreateIndex
CREATE INDEX "EmbEnvironment_createdAt_id_idx" ON "EmbEnvironment"("createdAt", "id");

-- CreateIndex
CREATE INDEX "EmbWork_environmentId_state_availableAt_idx" ON "EmbWork"("environmentId", "state", "availableAt");

-- CreateIndex
CREATE INDEX "EmbWork_sessionId_idx" ON "EmbWork"("sessionId");

-- CreateIndex
CREATE INDEX "EmbSession_createdAt_id_idx" ON "EmbSession"("createdAt", "id");

-- CreateIndex
CREATE INDEX "EmbSession_agentId_createdAt_idx" ON "EmbSession"("agentId", "createdAt");

-- CreateIndex
CREATE INDEX "EmbSession_status_idx" ON "EmbSession"("status");

-- CreateIndex
CREATE UNIQUE INDEX "EmbEvent_sessionId_seq_key" ON "EmbEvent"("sessionId", "seq");

-- CreateIndex
CREATE INDEX "EmbVault_createdAt_id_idx" ON "EmbVault"("createdAt", "id");

-- CreateIndex
CREATE INDEX "EmbCredential_vaultId_mcpServerUrl_idx" ON "EmbCredential"("vaultId", "mcpServerUrl");

-- CreateIndex
CREATE UNIQUE INDEX "Run_claudeSessionId_key" ON "Run"("claudeSessionId");

-- CreateIndex
CREATE INDEX "Run_agentId_createdAt_idx" ON "Run"("agentId", "createdAt" DESC);

-- CreateIndex
CREATE INDEX "Run_state_idx" ON "Run"("state");

-- CreateIndex
CREATE INDEX "Run_createdAt_idx" ON "Run"("createdAt" DESC);

-- CreateIndex
CREATE INDEX "Run_stopOrderId_idx" ON "Run"("stopOrderId");

-- CreateIndex
CREATE UNIQUE INDEX "Run_agentId_scheduledFor_key" ON "Run"("agentId", "scheduledFor");

-- CreateIndex
CREATE UNIQUE INDEX "RunEvent_runId_claudeEventId_key" ON "RunEvent"("runId", "claudeEventId");

-- CreateIndex
CREATE INDEX "Escalation_agentId_createdAt_idx" ON "Escalation"("agentId", "createdAt" DESC);

-- CreateIndex
CREATE INDEX "Escalation_resolvedAt_idx" ON "Escalation"("resolvedAt");

-- CreateIndex
CREATE UNIQUE INDEX "Escalation_runId_sourceId_key" ON "Escalation"("runId", "sourceId");

-- CreateIndex
CREATE INDEX "StopOrder_releasedAt_idx" ON "StopOrder"("releasedAt");

-- CreateIndex
CREATE INDEX "UsageRecord_agentId_at_idx" ON "UsageRecord"("agentId", "at");

-- CreateIndex
CREATE UNIQUE INDEX "UsageRecord_runId_sourceId_key" ON "UsageRecord"("runId", "sourceId");

-- CreateIndex
CREATE UNIQUE INDEX "Price_key" ON "Price"("model", "effectiveFrom", "maxPromptTokens");

-- CreateIndex
CREATE INDEX "AgentDay_day_idx" ON "AgentDay"("day");

-- CreateIndex
CREATE INDEX "TeamMember_personId_idx" ON "TeamMember"("personId");

-- CreateIndex
CREATE INDEX "Agent_ownerTeamId_idx" ON "Agent"("ownerTeamId");

-- CreateIndex
CREATE INDEX "Agent_status_idx" ON "Agent"("status");

-- CreateIndex
CREATE INDEX "Agent_accountablePersonId_idx" ON "Agent"("accountablePersonId");

-- CreateIndex
CREATE INDEX "AgentVersion_templateId_templateVersion_idx" ON "AgentVersion"("templateId", "templateVersion");

-- CreateIndex
CREATE INDEX "ClaudeBinding_claudeAgentId_idx" ON "ClaudeBinding"("claudeAgentId");

-- CreateIndex
CREATE INDEX "Grant_agentId_idx" ON "Grant"("agentId");

-- CreateIndex
CREATE INDEX "Grant_serverId_class_idx" ON "Grant"("serverId", "class");

-- CreateIndex
CREATE INDEX "ScopeRequest_state_createdAt_idx" ON "ScopeRequest"("state", "createdAt");

-- CreateIndex
CREATE INDEX "ScopeRequest_agentId_idx" ON "ScopeRequest"("agentId");

-- AddForeignKey
ALTER TABLE "PersonRole" ADD CONSTRAINT "PersonRole_personId_fkey" FOREIGN KEY ("personId") REFERENCES "Person"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "LoginSession" ADD CONSTRAINT "LoginSession_personId_fkey" FOREIGN KEY ("personId") REFERENCES "Person"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AccessToken" ADD CONSTRAINT "AccessToken_personId_fkey" FOREIGN KEY ("personId") REFERENCES "Person"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AccessToken" ADD CONSTRAINT "AccessToken_parentId_fkey" FOREIGN KEY ("parentId") REFERENCES "AccessToken"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AgentCredential" ADD CONSTRAINT "AgentCredential_agentId_fkey" FOREIGN KEY ("agentId") REFERENCES "Agent"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "EmbAgentVersion" ADD CONSTRAINT "EmbAgentVersion_agentId_fkey" FOREIGN KEY ("agentId") REFERENCES "EmbAgent"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "EmbWork" ADD CONSTRAINT "EmbWork_environmentId_fkey" FOREIGN KEY ("environmentId") REFERENCES "EmbEnvironment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "EmbWorkPoller" ADD CONSTRAINT "EmbWorkPoller_environmentId_fkey" FOREIGN KEY ("environmentId") REFERENCES "EmbEnvironment"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "EmbEvent" ADD CONSTRAINT "EmbEvent_sessionId_fkey" FOREIGN KEY ("sessionId") REFERENCES "EmbSession"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "EmbCredential" ADD CONSTRAINT "EmbCredential_vaultId_fkey" FOREIGN KEY ("vaultId") REFERENCES "EmbVault"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Run" ADD CONSTRAINT "Run_agentId_fkey" FOREIGN KEY ("agentId") REFERENCES "Agent"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "RunEvent" ADD CONSTRAINT "RunEvent_runId_fkey" FOREIGN KEY ("runId") REFERENCES "Run"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Escalation" ADD CONSTRAINT "Escalation_runId_fkey" FOREIGN KEY ("runId") REFERENCES "Run"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Escalation" ADD CONSTRAINT "Escalation_agentId_fkey" FOREIGN KEY ("agentId") REFERENCES "Agent"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "StopAck" ADD CONSTRAINT "StopAck_orderId_fkey" FOREIGN KEY ("orderId") REFERENCES "StopOrder"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "UsageRecord" ADD CONSTRAINT "UsageRecord_runId_fkey" FOREIGN KEY ("runId") REFERENCES "Run"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "UsageRecord" ADD CONSTRAINT "UsageRecord_priceId_fkey" FOREIGN KEY ("priceId") REFERENCES "Price"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AgentDay" ADD CONSTRAINT "AgentDay_agentId_fkey" FOREIGN KEY ("agentId") REFERENCES "Agent"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "TeamMember" ADD CONSTRAINT "TeamMember_teamId_fkey" FOREIGN KEY ("teamId") REFERENCES "Team"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "TeamMember" ADD CONSTRAINT "TeamMember_personId_fkey" FOREIGN KEY ("personId") REFERENCES "Person"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Agent" ADD CONSTRAINT "Agent_ownerTeamId_fkey" FOREIGN KEY ("ownerTeamId") REFERENCES "Team"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Agent" ADD CONSTRAINT "Agent_accountablePersonId_fkey" FOREIGN KEY ("accountablePersonId") REFERENCES "Person"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AgentVersion" ADD CONSTRAINT "AgentVersion_agentId_fkey" FOREIGN KEY ("agentId") REFERENCES "Agent"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ClaudeBinding" ADD CONSTRAINT "ClaudeBinding_agentId_version_fkey" FOREIGN KEY ("agentId", "version") REFERENCES "AgentVersion"("agentId", "version") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "CreationStep" ADD CONSTRAINT "CreationStep_agentId_fkey" FOREIGN KEY ("agentId") REFERENCES "Agent"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "McpTool" ADD CONSTRAINT "McpTool_serverId_fkey" FOREIGN KEY ("serverId") REFERENCES "McpServer"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ServerHealth" ADD CONSTRAINT "ServerHealth_serverId_fkey" FOREIGN KEY ("serverId") REFERENCES "McpServer"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "UpstreamCredential" ADD CONSTRAINT "UpstreamCredential_serverId_fkey" FOREIGN KEY ("serverId") REFERENCES "McpServer"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Grant" ADD CONSTRAINT "Grant_agentId_fkey" FOREIGN KEY ("agentId") REFERENCES "Agent"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Grant" ADD CONSTRAINT "Grant_serverId_fkey" FOREIGN KEY ("serverId") REFERENCES "McpServer"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ScopeRequest" ADD CONSTRAINT "ScopeRequest_agentId_fkey" FOREIGN KEY ("agentId") REFERENCES "Agent"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ScopeRequest" ADD CONSTRAINT "ScopeRequest_serverId_fkey" FOREIGN KEY ("serverId") REFERENCES "McpServer"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "TemplateVersion" ADD CONSTRAINT "TemplateVersion_templateId_fkey" FOREIGN KEY ("templateId") REFERENCES "Template"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
