-- What people were told of, and when: what was left out until now they were told of at once.
alter table "ToolListing"
  add column "leftOutTold" jsonb not null default '[]',
  add column "leftOutToldAt" timestamptz(3);
update "ToolListing" set "leftOutTold" = "leftOut";
