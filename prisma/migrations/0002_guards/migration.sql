-- What Prisma's schema language cannot say: append-only and immutable tables, the audit sequence, change notices, search indexes.

create extension if not exists pg_trgm;

-- Audit ---------------------------------------------------------------------------------------------------------------
insert into "AuditHead" ("id", "seq") values (1, 0);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only: % is refused', tg_table_name, tg_op using errcode = 'integrity_constraint_violation';
end $$;

create trigger audit_append_only before update or delete on "AuditEvent" for each row execute function refuse_change();
create trigger audit_no_truncate before truncate on "AuditEvent" for each statement execute function refuse_change();

-- Appends events in order and returns the last sequence number. Takes the head's row lock until the transaction ends, so callers
-- append last: the sequence has no gap and its order is the order of commits.
create function audit_append(events jsonb) returns bigint language plpgsql as $$
declare
  before bigint;
  added integer := jsonb_array_length(events);
begin
  update "AuditHead" set "seq" = "seq" + added where "id" = 1 returning "seq" - added into strict before;
  insert into "AuditEvent" ("seq", "id", "at", "event", "actorKind", "actorId", "actorName", "subjectKind", "subjectId", "subjectName",
    "agentId", "teamId", "serverId", "tool", "runId", "decision", "rule", "requestId", "detail")
  select before + item.position, (e->>'id')::uuid, (e->>'at')::timestamptz, e->>'event', e->>'actorKind', e->>'actorId', e->>'actorName',
    e->>'subjectKind', e->>'subjectId', e->>'subjectName', e->>'agentId', e->>'teamId', e->>'serverId', e->>'tool',
    (e->>'runId')::uuid, e->>'decision', e->>'rule', e->>'requestId', coalesce(e->'detail', '{}'::jsonb)
  from jsonb_array_elements(events) with ordinality as item(e, position);
  perform pg_notify('wheelhouse_audit', (before + added)::text);
  return before + added;
end $$;

-- Immutable versions --------------------------------------------------------------------------------------------------
create trigger agent_version_immutable before update or delete on "AgentVersion" for each row execute function refuse_change();
create trigger template_version_immutable before update or delete on "TemplateVersion" for each row execute function refuse_change();

-- Nudges: a poll every second is the guarantee behind each ---------------------------------------------------------------
create function notify_policy() returns trigger language plpgsql as $$
begin
  perform pg_notify('wheelhouse_policy', tg_table_name);
  return null;
end $$;

create trigger policy_agent after insert or update or delete on "Agent" for each statement execute function notify_policy();
create trigger policy_grant after insert or update or delete on "Grant" for each statement execute function notify_policy();
create trigger policy_server after insert or update or delete on "McpServer" for each statement execute function notify_policy();
create trigger policy_tool after insert or update or delete on "McpTool" for each statement execute function notify_policy();
create trigger policy_credential after insert or update or delete on "UpstreamCredential" for each statement execute function notify_policy();
create trigger policy_key after insert or update or delete on "SigningKey" for each statement execute function notify_policy();

create function notify_stop() returns trigger language plpgsql as $$
begin
  perform pg_notify('wheelhouse_stop', '');
  return null;
end $$;
create trigger stop_changed after insert or update on "StopOrder" for each statement execute function notify_stop();

create function notify_run() returns trigger language plpgsql as $$
begin
  perform pg_notify('wheelhouse_run', new."runId"::text);
  return null;
end $$;
create trigger run_event_added after insert on "RunEvent" for each row execute function notify_run();

create function notify_run_state() returns trigger language plpgsql as $$
begin
  perform pg_notify('wheelhouse_run', new."id"::text);
  return null;
end $$;
create trigger run_changed after update on "Run" for each row when (old."state" is distinct from new."state") execute function notify_run_state();

-- Search and the broker's view -----------------------------------------------------------------------------------------
create index agent_search on "Agent" using gin ((lower("id" || ' ' || "name" || ' ' || "purpose")) gin_trgm_ops);
create index grant_in_force on "Grant" ("agentId", "serverId") where "revokedAt" is null;
create index run_open on "Run" ("agentId") where "state" in ('queued', 'running', 'stopping');
create index stop_open on "StopOrder" ("orderedAt") where "releasedAt" is null;
