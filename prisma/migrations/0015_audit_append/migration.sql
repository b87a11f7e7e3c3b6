-- Appending costs less: each row is read once into columns instead of asked for one key after the other, and the nudge, which wakes every
-- process that listens to anything, is given only when the caller wants it. A poll is the guarantee behind it.
drop function audit_append(jsonb);

-- Appends events in order and returns the last sequence number. Takes the head's row lock until the transaction ends, so callers
-- append last: the sequence has no gap and its order is the order of commits.
create function audit_append(events jsonb, nudge boolean default true) returns bigint language plpgsql as $$
declare
  before bigint;
  added integer := jsonb_array_length(events);
begin
  update "AuditHead" set "seq" = "seq" + added where "id" = 1 returning "seq" - added into strict before;
  insert into "AuditEvent" ("seq", "id", "at", "event", "actorKind", "actorId", "actorName", "subjectKind", "subjectId", "subjectName",
    "agentId", "teamId", "serverId", "tool", "runId", "decision", "rule", "requestId", "detail")
  select before + e."position", e."id", e."at", e."event", e."actorKind", e."actorId", e."actorName", e."subjectKind", e."subjectId",
    e."subjectName", e."agentId", e."teamId", e."serverId", e."tool", e."runId", e."decision", e."rule", e."requestId",
    coalesce(e."detail", '{}'::jsonb)
  from rows from (jsonb_to_recordset(events) as ("id" uuid, "at" timestamptz, "event" text, "actorKind" text, "actorId" text,
    "actorName" text, "subjectKind" text, "subjectId" text, "subjectName" text, "agentId" text, "teamId" text, "serverId" text,
    "tool" text, "runId" uuid, "decision" text, "rule" text, "requestId" text, "detail" jsonb)) with ordinality
  as e("id", "at", "event", "actorKind", "actorId", "actorName", "subjectKind", "subjectId", "subjectName", "agentId", "teamId",
    "serverId", "tool", "runId", "decision", "rule", "requestId", "detail", "position");
  if nudge then
    perform pg_notify('wheelhouse_audit', (before + added)::text);
  end if;
  return before + added;
end $$;
