-- Counts a call under a grant, for all brokers: null when it is counted, else how many milliseconds until one may be. Counted are calls by sixtieths of the
-- period, and a sixtieth counts until all of it is a period ago: so of any period no more go through than the rate says, and a row stays small.
create or replace function grant_use_take(grant_id uuid, calls_max integer, period text, moment timestamptz default clock_timestamp())
returns double precision language plpgsql as $$
declare
  part_ms bigint := case period when 'minute' then 1000 when 'hour' then 60000 end;
  now_ms double precision := extract(epoch from moment) * 1000;
  part bigint := floor(now_ms / part_ms);
  use "GrantUse"%rowtype;
  kept_parts bigint[] := '{}';
  kept_calls integer[] := '{}';
  total integer := 0;
  ends integer := 0;
begin
  -- A crash of the database may forget the calls of its last moments; nobody waits for a disk to count.
  perform set_config('synchronous_commit', 'off', true);
  insert into "GrantUse" values (grant_id, period, '{}', '{}') on conflict do nothing;
  select * into strict use from "GrantUse" where "grantId" = grant_id for update;
  -- What was counted of one that was narrowed goes on being counted for the one in its place: nothing goes under the old one, which its broker learns within a second.
  if exists (select from "Grant" where "id" = grant_id and "revokedAt" is not null) then
    return 1000;
  end if;
  if use."per" = period then
    select coalesce(array_agg(u.p order by u.p), '{}'), coalesce(array_agg(u.c order by u.p), '{}'), coalesce(sum(u.c), 0)
      into kept_parts, kept_calls, total
      from unnest(use."parts", use."calls") as u(p, c) where u.p >= part - 60;
  end if;
  if total >= calls_max then
    for i in 1 .. cardinality(kept_parts) loop
      total := total - kept_calls[i];
      ends := i;
      exit when total < calls_max;
    end loop;
    return (kept_parts[ends] + 61) * part_ms - now_ms;
  end if;
  -- Of a clock that was set back the last one counts on.
  if cardinality(kept_parts) > 0 and kept_parts[cardinality(kept_parts)] >= part then
    kept_calls[cardinality(kept_calls)] := kept_calls[cardinality(kept_calls)] + 1;
  else
    kept_parts := kept_parts || part;
    kept_calls := kept_calls || 1;
  end if;
  update "GrantUse" set "per" = period, "parts" = kept_parts, "calls" = kept_calls where "grantId" = grant_id;
  return null;
end $$;
