-- A text that is not saved as a set can be replayed too: the replay keeps it.
alter table "PolicyReplay" alter column "setNumber" drop not null;
alter table "PolicyReplay" add column "policies" text[];
-- One at a time of a text.
create unique index policy_replay_open_text on "PolicyReplay" ("setVersion") where "setNumber" is null and "state" in ('queued', 'running');
