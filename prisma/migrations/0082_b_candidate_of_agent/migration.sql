-- What a set in log-only would have decided otherwise, of one agent: what "AuditEvent_candidate" finds for all.
-- One statement, so that brokers go on writing while it is made.
create index concurrently if not exists "AuditEvent_candidate_agent" on "AuditEvent" (("detail"->'candidate'->>'version'), "agentId", "seq" desc) where "detail" ? 'candidate';
