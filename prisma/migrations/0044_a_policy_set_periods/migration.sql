-- When which policy set was in force: a set that is gone back to keeps the time before, too.
create table "PolicySetPeriod" (
    "id" bigserial not null,
    "number" integer not null,
    "version" text not null,
    "fromAt" timestamptz(3) not null,
    "untilAt" timestamptz(3),
    "byName" text,
    constraint "PolicySetPeriod_pkey" primary key ("id")
);
create index "PolicySetPeriod_number_idx" on "PolicySetPeriod"("number");
create index "PolicySetPeriod_fromAt_idx" on "PolicySetPeriod"("fromAt");
-- Of what was before, the sets still say when each was enforced last.
insert into "PolicySetPeriod" ("number", "version", "fromAt", "untilAt", "byName")
  select "number", "version", "enforcedAt", "supersededAt", "enforcedByName" from "PolicySet" where "enforcedAt" is not null;
-- With the change itself, whoever makes it.
create function note_policy_set_period() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and old."state" = 'enforced' and new."state" <> 'enforced' then
    update "PolicySetPeriod" set "untilAt" = coalesce(new."supersededAt", now()) where "number" = old."number" and "untilAt" is null;
  end if;
  if new."state" = 'enforced' and (tg_op = 'INSERT' or old."state" <> 'enforced') then
    insert into "PolicySetPeriod" ("number", "version", "fromAt", "byName")
      values (new."number", new."version", coalesce(new."enforcedAt", now()), new."enforcedByName");
  end if;
  return null;
end $$;
create trigger policy_set_period after insert or update of "state" on "PolicySet" for each row execute function note_policy_set_period();
-- Only its end is added to a period, once.
create function keep_policy_set_period() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and old."untilAt" is null and new."untilAt" is not null
    and (new."id", new."number", new."version", new."fromAt", new."byName") is not distinct from (old."id", old."number", old."version", old."fromAt", old."byName") then
    return new;
  end if;
  raise exception 'PolicySetPeriod is append-only';
end $$;
create trigger keep_policy_set_period before update or delete on "PolicySetPeriod" for each row execute function keep_policy_set_period();
