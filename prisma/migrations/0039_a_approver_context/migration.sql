-- What kind of data is behind a server, who approves by it, how an approver narrowed the scope itself, and which version of the agent a request was made for.
ALTER TABLE "McpServer" ADD COLUMN "dataClasses" TEXT[] DEFAULT ARRAY[]::TEXT[];

ALTER TABLE "ApprovalRule" ADD COLUMN "dataClasses" TEXT[] DEFAULT ARRAY[]::TEXT[];

ALTER TABLE "ScopeApproval" ADD COLUMN "class" "ToolClass",
    ADD COLUMN "toolName" TEXT;

ALTER TABLE "ScopeRequest" ADD COLUMN "agentVersion" INTEGER;
