-- Calls of a server that failed or were broken off, newest first; most calls do neither. Alone in its migration and without a transaction (see
-- lib/db/migrate.ts), so that the log is written to while the index is made.
create index concurrently if not exists "AuditEvent_failed" on "AuditEvent" ("serverId", "seq" desc) where "event" in ('mcp.call_allowed', 'mcp.result_passed') and "detail"->>'outcome' in ('tool_error', 'upstream_error', 'aborted');
