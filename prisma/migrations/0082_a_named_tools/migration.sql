-- A request and an approval name several tools. What named one names it still; whoever runs what came before finds the column gone and stops, rather than read a request for one tool as one for all.
alter table "ScopeRequest" add column "toolNames" text[] default array[]::text[];
alter table "ScopeApproval" add column "toolNames" text[] default array[]::text[];
update "ScopeRequest" set "toolNames" = array["toolName"] where "toolName" is not null;
update "ScopeApproval" set "toolNames" = array["toolName"] where "toolName" is not null;
alter table "ScopeRequest" drop column "toolName";
alter table "ScopeApproval" drop column "toolName";
