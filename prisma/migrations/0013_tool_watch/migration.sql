-- Agents are shown the definition that was approved; what a server lists besides is kept with how it was judged and what was decided.
alter table "McpTool"
  add column "approvedHash" text,
  add column "approvedDefinition" jsonb,
  add column "rejectedHash" text,
  add column "verdict" text not null default 'new',
  add column "findings" jsonb not null default '[]';

update "McpTool" set "definition" = jsonb_strip_nulls(jsonb_build_object('title', "title", 'description', "description", 'annotations', "annotations"))
    || jsonb_build_object('name', "name", 'inputSchema', "inputSchema")
  where "definition" is null;
update "McpTool" set "approvedHash" = "definitionHash", "approvedDefinition" = "definition" where "state" = 'approved';

create table "ToolRevision" (
  "id" bigserial primary key,
  "serverId" text not null,
  "toolName" text not null,
  "definitionHash" text not null,
  "definition" jsonb not null,
  "comparedHash" text,
  "verdict" text not null,
  "findings" jsonb not null default '[]',
  "class" "ToolClass" not null,
  "state" "ToolState" not null,
  "seenBy" text not null,
  "seenAt" timestamptz(3) not null default current_timestamp
);
create index "ToolRevision_serverId_toolName_id_idx" on "ToolRevision" ("serverId", "toolName", "id");
alter table "ToolRevision" add constraint "ToolRevision_serverId_fkey" foreign key ("serverId") references "McpServer" ("id")
  on delete restrict on update cascade;

create table "ToolDecision" (
  "id" bigserial primary key,
  "serverId" text not null,
  "toolName" text not null,
  "definitionHash" text not null,
  "decision" text not null,
  "class" "ToolClass" not null,
  "reason" text,
  "byId" text not null,
  "byName" text not null,
  "decidedAt" timestamptz(3) not null default current_timestamp
);
create index "ToolDecision_serverId_toolName_id_idx" on "ToolDecision" ("serverId", "toolName", "id");
alter table "ToolDecision" add constraint "ToolDecision_serverId_fkey" foreign key ("serverId") references "McpServer" ("id")
  on delete restrict on update cascade;

create trigger tool_revision_immutable before update or delete on "ToolRevision" for each row execute function refuse_change();
create trigger tool_revision_no_truncate before truncate on "ToolRevision" for each statement execute function refuse_change();
create trigger tool_decision_immutable before update or delete on "ToolDecision" for each row execute function refuse_change();
create trigger tool_decision_no_truncate before truncate on "ToolDecision" for each statement execute function refuse_change();

-- The history begins with what is known.
insert into "ToolRevision" ("serverId", "toolName", "definitionHash", "definition", "verdict", "class", "state", "seenBy", "seenAt")
  select "serverId", "name", "definitionHash", "definition", 'new', "class", "state", 'before the history', "firstSeenAt" from "McpTool"
  order by "serverId", "name";

-- Brokers show what was approved, so they are told when that changes.
drop trigger noted_tool on "McpTool";
create trigger noted_tool after insert or delete or update of "class", "state", "definitionHash", "definition", "approvedHash", "approvedDefinition"
  on "McpTool" for each row execute function note_policy_change('server', 'serverId');
