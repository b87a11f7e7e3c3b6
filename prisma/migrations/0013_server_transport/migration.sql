-- A server is reached at an address or is a program that the platform starts.
create type "ServerTransport" as enum ('http', 'stdio');

alter table "McpServer"
  add column "transport" "ServerTransport" not null default 'http',
  add column "command" jsonb,
  add column "approverId" uuid,
  add column "acknowledged" jsonb not null default '[]';

alter table "McpServer" add constraint mcp_server_transport check (
  case "transport" when 'http' then "url" <> '' and "command" is null else "url" = '' and "command" is not null end
);
