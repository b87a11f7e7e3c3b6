-- What a call of a tool costs; null: as the server says for all of its tools, and where that says nothing: nothing.
alter table "McpServer" add column "listUnitPriceMicros" bigint;
alter table "McpTool" add column "listUnitPriceMicros" bigint;
alter table "ToolHour" add column "costMicros" bigint not null default 0;
alter table "AgentToolDay" add column "costMicros" bigint not null default 0;
-- Part of "costMicros", which every reader of what was spent adds up.
alter table "AgentDay" add column "callCostMicros" bigint not null default 0;
create table "RunCallCost" (
  "runId" uuid primary key references "Run" ("id") on delete cascade on update cascade,
  "costMicros" bigint not null
);

drop trigger noted_tool on "McpTool";
create trigger noted_tool after insert or delete or update of "class", "state", "definitionHash", "definition", "approvedHash", "approvedDefinition",
  "listUnitPriceMicros" on "McpTool" for each row execute function note_policy_change('server', 'serverId');
