-- Whom the client of a held call acts for, as an identity provider says: they do not decide about it either.
alter table "HeldCall" add column "drivenById" uuid;
-- Brokers know who issued a credential, for what that person bypasses does not let the calls through that come with it.
create trigger noted_issued_credential after insert on "AgentCredential" for each row execute function note_policy_change('agent', 'agentId');
create trigger policy_issued_credential after insert on "AgentCredential" for each statement execute function notify_policy();
-- First runs are begun by a process of ours; whoever registered the agent is behind them, as behind the runs of its schedule.
update "Run" r set "scheduledById" = e."actorId"::uuid
  from "AuditEvent" e where r."trigger" = 'first_run' and r."requestedById" is null and r."scheduledById" is null
    and r."state" in ('queued', 'running') and e."agentId" = r."agentId" and e."event" = 'agent.created' and e."actorKind" = 'person';
