-- Who wrote the version that runs does not decide about its calls. Whoever makes a version need not have written it: one that only learns of a server is made by whoever approved the scope.
alter table "AgentVersion" add column "promptById" uuid, add column "parametersById" uuid, add column "templateById" uuid;

-- A trigger, so that no insert forgets it, nor one of a process from before.
create function agent_version_writers() returns trigger language plpgsql as $$
declare
  last "AgentVersion";
begin
  select * into last from "AgentVersion" where "agentId" = new."agentId" and "version" < new."version" order by "version" desc limit 1;
  if not found or last."layer"->'prompt' is distinct from new."layer"->'prompt' then
    new."promptById" := new."createdById";
  else
    new."promptById" := last."promptById";
  end if;
  if not found or last."layer" - 'prompt' is distinct from new."layer" - 'prompt' then
    new."parametersById" := new."createdById";
  else
    new."parametersById" := last."parametersById";
  end if;
  if not found or (last."templateId", last."templateVersion") is distinct from (new."templateId", new."templateVersion") then
    new."templateById" := new."createdById";
  else
    new."templateById" := last."templateById";
  end if;
  return new;
end $$;
create trigger agent_version_writers before insert on "AgentVersion" for each row execute function agent_version_writers();

alter table "AgentVersion" disable trigger agent_version_immutable;
with changed as (
  select "agentId", "version", "createdById",
    lag("version") over w is null or lag("layer"->'prompt') over w is distinct from "layer"->'prompt' as "prompt",
    lag("version") over w is null or lag("layer" - 'prompt') over w is distinct from "layer" - 'prompt' as "parameters",
    lag("version") over w is null or lag("templateId") over w is distinct from "templateId"
      or lag("templateVersion") over w is distinct from "templateVersion" as "template"
  from "AgentVersion" window w as (partition by "agentId" order by "version")
), since as (
  select "agentId", "version",
    max("version") filter (where "prompt") over w as "prompt",
    max("version") filter (where "parameters") over w as "parameters",
    max("version") filter (where "template") over w as "template"
  from changed window w as (partition by "agentId" order by "version")
)
update "AgentVersion" v set "promptById" = p."createdById", "parametersById" = q."createdById", "templateById" = t."createdById"
  from since s
  join changed p on p."agentId" = s."agentId" and p."version" = s."prompt"
  join changed q on q."agentId" = s."agentId" and q."version" = s."parameters"
  join changed t on t."agentId" = s."agentId" and t."version" = s."template"
  where v."agentId" = s."agentId" and v."version" = s."version";
alter table "AgentVersion" enable trigger agent_version_immutable;
