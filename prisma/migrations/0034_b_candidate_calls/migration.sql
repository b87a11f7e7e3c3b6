-- What a policy set in log-only would have decided otherwise: few rows of the log, found by its version. Alone in its migration and without
-- a transaction (see lib/db/migrate.ts), so that the log is written to while the index is made.
create index concurrently if not exists "AuditEvent_candidate" on "AuditEvent" (("detail"->'candidate'->>'version'), "seq" desc) where "detail" ? 'candidate';
