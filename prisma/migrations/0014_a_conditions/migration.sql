-- Conditions on arguments and a rate for grants and for what is asked for.
alter table "Grant" add column "conditions" jsonb not null default '[]', add column "rateCalls" integer, add column "ratePer" text;
alter table "ScopeRequest" add column "conditions" jsonb not null default '[]', add column "rateCalls" integer, add column "ratePer" text;

-- Response guards of a server.
alter table "McpServer" add column "maskSecrets" boolean not null default true, add column "blockMarked" boolean not null default false;

-- Agents that have spent their month's budget; brokers keep it with the agent.
create table "OverBudget" (
    "agentId" text not null,
    "month" text not null,
    "spentMicros" bigint not null,
    "budgetMicros" bigint not null,
    "since" timestamptz(3) not null default current_timestamp,
    constraint "OverBudget_pkey" primary key ("agentId")
);
create trigger policy_over_budget after insert or update or delete on "OverBudget" for each statement execute function notify_policy();
create trigger noted_over_budget after insert or delete or update of "month", "budgetMicros"
  on "OverBudget" for each row execute function note_policy_change('agent', 'agentId');
