-- The registry itself answers at /mcp/registry: no server may be registered under its name.
alter table "McpServer" add constraint "McpServer_id_not_registry" check ("id" <> 'registry') not valid;
