-- The central guardrail policies are data with a life: draft, log-only, enforced, superseded. At most one is enforced and one log-only.
create type "PolicySetState" as enum ('draft', 'log_only', 'enforced', 'superseded');
create table "PolicySet" (
    "number" integer not null,
    "state" "PolicySetState" not null default 'draft',
    "version" text not null,
    "policies" text[],
    "schemaText" text not null,
    "words" jsonb not null,
    "note" text not null,
    "origin" text not null,
    "basedOn" integer,
    "authorIds" text[],
    "createdById" uuid,
    "createdByName" text not null,
    "createdAt" timestamptz(3) not null default current_timestamp,
    "changedByName" text not null,
    "changedAt" timestamptz(3) not null default current_timestamp,
    "logOnlyAt" timestamptz(3),
    "logOnlyEndedAt" timestamptz(3),
    "enforcedAt" timestamptz(3),
    "enforcedByName" text,
    "supersededAt" timestamptz(3),
    "withoutReplay" text,
    constraint "PolicySet_pkey" primary key ("number")
);
create index "PolicySet_state_idx" on "PolicySet"("state");
create unique index policy_set_enforced on "PolicySet" ("state") where "state" = 'enforced';
create unique index policy_set_log_only on "PolicySet" ("state") where "state" = 'log_only';
-- What a rule says is looked up by its id in whatever set had it.
create index policy_set_words on "PolicySet" using gin ("words" jsonb_path_ops);

create trigger policy_set_changed after insert or update on "PolicySet" for each statement execute function notify_policy();
create trigger noted_policy_set after insert or update of "state", "version" on "PolicySet"
  for each row execute function note_policy_change('policy_set', 'number');

-- What was ever enforced stays as it was, and every set stays.
create function keep_policy_set() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    raise exception 'a policy set is never deleted';
  end if;
  if (old."state" <> 'draft' or old."enforcedAt" is not null)
    and (old."version", old."policies", old."schemaText") is distinct from (new."version", new."policies", new."schemaText") then
    raise exception 'the text of policy set % is not a draft any more', old."number";
  end if;
  return new;
end $$;
create trigger policy_set_kept before update or delete on "PolicySet" for each row execute function keep_policy_set();
