-- What happened to an agent, without its calls: those are many, and would have to be read past. Alone in its migration and without a
-- transaction (see lib/db/migrate.ts), so that the log is written to while the index is made.
create index concurrently if not exists "AuditEvent_agent_timeline" on "AuditEvent" ("agentId", "seq" desc) where "event" not like 'mcp.%';
