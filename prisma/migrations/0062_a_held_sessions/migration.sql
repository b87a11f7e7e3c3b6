-- The session that a held call came from, of an agent that calls outside of runs: an approval is for that session, too. Part of the seals as every column, and of none made before.
alter table "HeldCall" add column "session" text;
