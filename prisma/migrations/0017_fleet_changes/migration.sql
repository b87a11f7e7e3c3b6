-- What the catalog's index must read again, noted row by row in the transaction that changed it.
CREATE TABLE "FleetChange" (
    "seq" BIGSERIAL NOT NULL,
    "kind" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "xid" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "FleetChange_pkey" PRIMARY KEY ("seq")
);

CREATE INDEX "FleetChange_xid_idx" ON "FleetChange"("xid");

CREATE INDEX "FleetChange_at_idx" ON "FleetChange"("at");

-- The first argument is the kind; the second, if any, the column with the key.
create function note_fleet_change() returns trigger language plpgsql as $$
begin
  insert into "FleetChange" ("kind", "key", "xid")
  values (tg_argv[0], coalesce(to_jsonb(coalesce(new, old))->>tg_argv[1], ''), pg_current_xact_id()::text::bigint);
  return null;
end $$;

create trigger fleet_agent after insert or update or delete on "Agent" for each row execute function note_fleet_change('agent', 'id');
create trigger fleet_version after insert on "AgentVersion" for each row execute function note_fleet_change('agent', 'agentId');
create trigger fleet_grant after insert or update or delete on "Grant" for each row execute function note_fleet_change('agent', 'agentId');
create trigger fleet_day after insert or update or delete on "AgentDay" for each row execute function note_fleet_change('agent', 'agentId');

-- What agents refer to: few rows, so all are read again. A tool that is seen again and a credential that is used change nothing here.
create trigger fleet_team after insert or delete or update of "name" on "Team" for each row execute function note_fleet_change('facts');
create trigger fleet_server after insert or delete or update of "name", "environment", "sensitivity", "status" on "McpServer"
  for each row execute function note_fleet_change('facts');
create trigger fleet_tool after insert or delete or update of "class", "state" on "McpTool"
  for each row execute function note_fleet_change('facts');
create trigger fleet_template after insert or delete or update of "name" on "Template" for each row execute function note_fleet_change('facts');
create trigger fleet_template_version after insert on "TemplateVersion" for each row execute function note_fleet_change('facts');
create trigger fleet_person after insert or delete or update of "name", "email", "active" on "Person"
  for each row execute function note_fleet_change('facts');

-- Which central guardrail forbids a kind of tool to a tier, whatever is granted; null: none. A test proves that it says what the Cedar
-- policies say. What depends on a run (a simulated one changes nothing on production) is not part of what an agent can reach.
create function forbidding_guardrail(
  tier "Tier", class "ToolClass", environment "Environment", sensitivity "Sensitivity", break_glass boolean
) returns text language sql immutable parallel safe as $$
  select case
    when class = 'destructive' and environment = 'production' and not break_glass then 'policy_destructive_on_production'
    when tier = 'low' and class <> 'read' and sensitivity = 'restricted' then 'policy_low_tier_on_restricted'
  end
$$;
