-- What a rule refused or held, newest first; most events have none. Alone in its migration and without a transaction (see lib/db/migrate.ts), so that the log
-- is written to while the index is made.
create index concurrently if not exists "AuditEvent_by_rule" on "AuditEvent" ("rule", "seq" desc) where "rule" is not null;
