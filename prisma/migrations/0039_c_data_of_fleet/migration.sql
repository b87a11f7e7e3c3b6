-- The catalog can be asked for kinds of data, so a server that changes its own is read again.
drop trigger fleet_server on "McpServer";
create trigger fleet_server after insert or delete or update of "name", "environment", "sensitivity", "dataClasses", "status", "demo" on "McpServer"
  for each row execute function note_fleet_change('facts');
