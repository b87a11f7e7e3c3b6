alter table "McpServer" add column "statusReason" text;
