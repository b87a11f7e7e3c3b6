alter table "ServerProbe" add column "command" jsonb, add column "folder" text, add column "credentialSettings" jsonb not null default '{}';
