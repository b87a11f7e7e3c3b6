-- What a call is held for is sealed with its row, and who never decides is part of its rule.
alter table "HoldRule" add column "excludedDeciders" text[] default array['starter', 'accountable']::text[];

alter table "HeldCall"
    add column "excludedDeciders" text[] default array['starter', 'accountable']::text[],
    add column "hold" text;
