import { openStopsExpression } from '#lib/guardrails/queries/facts-sql.ts'
import type { StopFacts } from '#lib/guardrails/rules/facts.ts'
import type { Sql } from './sql.ts'

// Every transaction that changes what brokers keep in memory notes it (`PolicyChange`) with its own number. What a broker has read of it is said by a snapshot.

/** What a snapshot has not seen: what was noted by transactions from `next` on, and by those before it that were still `open`. */
export type Position = { next: string; open: string[] }

export type PollRow = Position & {
  /** Every transaction before this one has ended. */
  oldest: string
  changes: { kind: string; key: string }[]
  /** How many notes were read for it; more than `notesMax`: not all of them. */
  notes: number
  stops: StopFacts[]
  /** When what agents have spent was last compared with their budgets; null: never. */
  spendingLookedAt: Date | null
}

/** Whoever missed more reads everything, which is as fast then. */
export const notesMax = 10_000

/**
 * One round trip a second: the open stop orders, when spending was looked at, and what changed since a position (`$1`, `$2`). A transaction that lasts pins nothing but itself: what ended beside it is read once.
 * A standby does not say which transactions are open; there everything after the oldest counts as not seen.
 */
export const pollSql: Sql<PollRow> = {
  name: 'broker_poll',
  text: `with s as materialized (select pg_current_snapshot() as s, pg_is_in_recovery() as standby),
      n as materialized (
        select "kind", "key" from "PolicyChange" where "xid" >= $1::bigint
        union all select "kind", "key" from "PolicyChange" where "xid" = any ($2::bigint[])
        limit ${notesMax + 1})
    select pg_snapshot_xmin(s)::text as "oldest",
      case when standby then pg_snapshot_xmin(s) else pg_snapshot_xmax(s) end::text as "next",
      case when standby then '{}' else array(select x::text from pg_snapshot_xip(s) x) end as "open",
      coalesce((select json_agg(c) from (select distinct "kind", "key" from n) c), '[]') as "changes",
      (select count(*) from n)::integer as "notes",
      ${openStopsExpression} as "stops",
      (select "at" from "SpendingLook" where "id" = 1) as "spendingLookedAt"
    from s`,
}

/** No transaction is as young: asks for no changes. */
export const afterEverything: Position = { next: '9223372036854775807', open: [] }

/** Of which history the numbers of transactions are: another server, one that was started anew (it may be an older state of itself), another database or table has another. */
export const historySql: Sql<{ history: string }> = {
  name: 'broker_history',
  text: `select concat_ws('/', extract(epoch from pg_postmaster_start_time()), (select "oid" from pg_database where "datname" = current_database()),
      '"PolicyChange"'::regclass::oid) as "history"`,
}

/**
 * Removes the notes of transactions before `$1`. When something was noted does not say when that could be read, for its transaction may have lasted: only what is a day old goes for
 * its age, where brokers never live long enough to know of a transaction that is old.
 */
export const pruneSql = `delete from "PolicyChange" where "xid" < $1::bigint or "at" < now() - interval '1 day'`
