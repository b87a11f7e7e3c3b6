-- At which Claude server a run was started: its session is vouched for by that server's issuer alone. Not known of runs before.
alter table "Run" add column "claudeServer" text;
