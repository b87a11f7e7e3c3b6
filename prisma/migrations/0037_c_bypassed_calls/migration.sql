create index concurrently if not exists "audit_event_bypassed" on "AuditEvent" (("detail"->'bypassed'->>'bypass')) where "event" = 'mcp.call_allowed' and "detail"->'bypassed' is not null;
