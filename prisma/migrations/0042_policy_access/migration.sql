-- What a policy set forbids to whom, as a table: the catalog reads it, which asks Cedar nothing. In place of a function that repeated the policies of one release.
create table "PolicyAccess" (
    "version" text not null,
    "table" jsonb not null,
    constraint "PolicyAccess_pkey" primary key ("version")
);
-- The function stays for portals of the release before, which ask it until they are replaced.
create trigger fleet_policy_access after insert on "PolicyAccess" for each row execute function note_fleet_change('facts');
create trigger fleet_policy_set after insert or update of "state", "version" on "PolicySet"
  for each row execute function note_fleet_change('facts');
