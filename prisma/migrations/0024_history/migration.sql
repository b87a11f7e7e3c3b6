-- What the registry was at any instant: every row's state after each change, noted by triggers in the changing transaction.
CREATE TABLE "HistoryEntry" (
    "seq" BIGSERIAL NOT NULL,
    "kind" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "parent" TEXT NOT NULL,
    "momentId" BIGINT NOT NULL,
    "state" JSONB,

    CONSTRAINT "HistoryEntry_pkey" PRIMARY KEY ("seq")
);

CREATE INDEX "HistoryEntry_kind_key_seq_idx" ON "HistoryEntry"("kind", "key", "seq" DESC);

CREATE INDEX "HistoryEntry_kind_parent_key_seq_idx" ON "HistoryEntry"("kind", "parent", "key", "seq" DESC);

CREATE INDEX "HistoryEntry_momentId_idx" ON "HistoryEntry"("momentId");

CREATE TABLE "HistoryMoment" (
    "id" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3),
    "auditSeq" BIGINT,

    CONSTRAINT "HistoryMoment_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "HistoryMoment_at_key" ON "HistoryMoment"("at");

CREATE TABLE "HistoryHead" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "began" TIMESTAMPTZ(3) NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "HistoryHead_pkey" PRIMARY KEY ("id")
);

-- The transaction's moment, made when it first changes something that is kept. Its id lives in a setting that ends with the transaction.
create function history_moment() returns bigint language plpgsql as $$
declare
  known text := current_setting('wheelhouse.history_moment', true);
  made bigint;
begin
  if known <> '' then
    return known::bigint;
  end if;
  insert into "HistoryMoment" default values returning "id" into strict made;
  perform set_config('wheelhouse.history_moment', made::text, true);
  return made;
end $$;

-- Runs as the last thing before the commit, one transaction at a time: so times are in commit order, none is given twice, and who holds the
-- lock knows that nothing with an earlier time is still to come.
create function stamp_moment() returns trigger language plpgsql as $$
declare
  stamp timestamptz(3);
begin
  perform pg_advisory_xact_lock(hashtextextended('wheelhouse.history', 0));
  update "HistoryHead" set "at" = greatest(date_trunc('milliseconds', clock_timestamp()), "at") + interval '1 millisecond'
    where "id" = 1 returning "at" into strict stamp;
  update "HistoryMoment" set "at" = stamp, "auditSeq" = (select "seq" from "AuditHead" where "id" = 1) where "id" = new."id";
  return null;
end $$;

-- The arguments are SQL over a row r: its key, what it belongs to, and what is kept of it. A change of nothing that is kept leaves no entry.
create function note_history() returns trigger language plpgsql as $$
declare
  row_of text := format('select (%s)::text as key, (%s)::text as parent, %s as state from', tg_argv[0], tg_argv[1], tg_argv[2]);
begin
  if tg_op = 'INSERT' then
    execute format('insert into "HistoryEntry" ("kind", "key", "parent", "momentId", "state")
      select $1, key, parent, history_moment(), state from (%s fresh r) n', row_of) using tg_table_name;
  elsif tg_op = 'UPDATE' then
    execute format('insert into "HistoryEntry" ("kind", "key", "parent", "momentId", "state")
      select $1, key, coalesce(n.parent, o.parent), history_moment(), n.state from (%s fresh r) n full join (%s stale r) o using (key)
      where n.state is distinct from o.state', row_of, row_of) using tg_table_name;
  else
    execute format('insert into "HistoryEntry" ("kind", "key", "parent", "momentId", "state")
      select $1, key, parent, history_moment(), null from (%s stale r) o', row_of) using tg_table_name;
  end if;
  return null;
end $$;

-- Keeps the history of a table: the state it has now, and every change from now on.
create function keep_history(kept text, key text, parent text, state text) returns void language plpgsql as $$
begin
  execute format('insert into "HistoryEntry" ("kind", "key", "parent", "momentId", "state")
    select %L, %s, %s, history_moment(), %s from %I r', kept, key, parent, state, kept);
  execute format('create trigger history_insert after insert on %I referencing new table as fresh
    for each statement execute function note_history(%L, %L, %L)', kept, key, parent, state);
  execute format('create trigger history_update after update on %I referencing old table as stale new table as fresh
    for each statement execute function note_history(%L, %L, %L)', kept, key, parent, state);
  execute format('create trigger history_delete after delete on %I referencing old table as stale
    for each statement execute function note_history(%L, %L, %L)', kept, key, parent, state);
end $$;

-- From here on nobody else writes what is kept, until the commit: who has written already is waited for, so a change is in the copy or noted.
lock table "Agent", "Grant", "ScopeRequest", "Team", "Person", "McpServer", "McpTool", "Template", "TemplateVersion", "StopOrder"
  in share row exclusive mode;

-- Records begin here. Without a moment of the migration the time would be given at its commit, after `began`.
insert into "HistoryHead" ("began", "at") select t, t from (select date_trunc('milliseconds', clock_timestamp()) as t) n;
insert into "HistoryMoment" ("at", "auditSeq")
  select "at", (select "seq" from "AuditHead" where "id" = 1) from "HistoryHead";
select set_config('wheelhouse.history_moment', (select "id"::text from "HistoryMoment"), true);

create constraint trigger history_stamp after insert on "HistoryMoment" deferrable initially deferred
  for each row execute function stamp_moment();

select keep_history('Agent', 'r."id"', 'r."id"', 'to_jsonb(r) - ''updatedAt''');
-- That somebody was reminded of a grant's end (a column of a later migration) changes nothing about the grant.
select keep_history('Grant', 'r."id"', 'r."agentId"', 'to_jsonb(r) - ''endingToldAt''');
select keep_history('ScopeRequest', 'r."id"', 'r."agentId"',
  'jsonb_build_object(''id'', r."id", ''agentId'', r."agentId", ''serverId'', r."serverId", ''state'', r."state")');
select keep_history('Team', 'r."id"', 'r."id"', 'jsonb_build_object(''id'', r."id", ''name'', r."name")');
select keep_history('Person', 'r."id"', 'r."id"',
  'jsonb_build_object(''id'', r."id", ''name'', r."name", ''email'', r."email", ''active'', r."active")');
select keep_history('McpServer', 'r."id"', 'r."id"',
  'jsonb_build_object(''id'', r."id", ''name'', r."name", ''environment'', r."environment", ''sensitivity'', r."sensitivity", ''status'', r."status")');
select keep_history('McpTool', 'r."serverId" || ''/'' || r."name"', 'r."serverId"',
  'jsonb_build_object(''serverId'', r."serverId", ''name'', r."name", ''class'', r."class", ''state'', r."state")');
select keep_history('Template', 'r."id"', 'r."id"', 'jsonb_build_object(''id'', r."id", ''name'', r."name")');
select keep_history('TemplateVersion', 'r."templateId" || ''@'' || r."version"', 'r."templateId"',
  'jsonb_build_object(''templateId'', r."templateId", ''version'', r."version")');
select keep_history('StopOrder', 'r."id"', 'r."id"', 'to_jsonb(r)');

create trigger history_append_only before update or delete on "HistoryEntry" for each row execute function refuse_change();
create trigger history_no_truncate before truncate on "HistoryEntry" for each statement execute function refuse_change();
create trigger history_moment_kept before update on "HistoryMoment" for each row when (old."at" is not null) execute function refuse_change();
create trigger history_moment_not_deleted before delete on "HistoryMoment" for each row execute function refuse_change();
create trigger history_moment_no_truncate before truncate on "HistoryMoment" for each statement execute function refuse_change();
