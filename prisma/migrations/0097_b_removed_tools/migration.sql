create index concurrently if not exists "mcp_tool_removed" on "McpTool" ("serverId", "lastSeenAt" desc, "name") where "state" = 'removed';
