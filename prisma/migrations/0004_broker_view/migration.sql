-- What brokers keep in memory, noted row by row as it changes. The first argument is the kind, the second the column with the key.
create function note_policy_change() returns trigger language plpgsql as $$
begin
  insert into "PolicyChange" ("kind", "key", "xid")
  values (tg_argv[0], to_jsonb(coalesce(new, old))->>tg_argv[1], pg_current_xact_id()::text::bigint);
  return null;
end $$;

create trigger noted_agent after insert or delete or update of "name", "ownerTeamId", "tier", "status", "statusReason", "currentVersion"
  on "Agent" for each row execute function note_policy_change('agent', 'id');
create trigger noted_grant after insert or update or delete on "Grant"
  for each row execute function note_policy_change('agent', 'agentId');
create trigger noted_server after insert or update or delete on "McpServer"
  for each row execute function note_policy_change('server', 'id');
-- Not of lastSeenAt and lastUsedAt, which change all the time and decide nothing.
create trigger noted_tool after insert or delete or update of "class", "state", "definitionHash", "definition"
  on "McpTool" for each row execute function note_policy_change('server', 'serverId');
create trigger noted_credential after insert or delete or update of "kind", "headerName", "ciphertext", "keyId"
  on "UpstreamCredential" for each row execute function note_policy_change('server', 'serverId');
create trigger noted_key after insert or update or delete on "SigningKey"
  for each row execute function note_policy_change('key', 'kid');
create trigger noted_run_added after insert on "Run"
  for each row when (new."state" in ('queued', 'running')) execute function note_policy_change('run', 'id');
create trigger noted_run after update of "state" on "Run"
  for each row when (old."state" is distinct from new."state") execute function note_policy_change('run', 'id');
