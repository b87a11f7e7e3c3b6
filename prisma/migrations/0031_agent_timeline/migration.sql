-- What happened to an agent, without its calls: those are many, and would have to be read past.
create index "AuditEvent_agent_timeline" on "AuditEvent" ("agentId", "seq" desc) where "event" not like 'mcp.%';
