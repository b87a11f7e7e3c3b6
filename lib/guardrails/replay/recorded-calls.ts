import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import type { RecordedGroup } from '../rules/replay.ts'
import { type SituationFacts, situationFacts } from '../schema/situations.ts'

/** What a replay looks at: the part of the audit log, and since when. */
export type RecordedRange = { from: Date; afterSeq: bigint; upToSeq: bigint }

/** Clocks of brokers differ. */
const skewMs = 600_000
/** Rows that waited for the database stand later in the log than others of their time: so many are looked at to find the first of a time. */
const rowsOfATime = 10_000

/** The rows of the log that a range can be in; the newest now is its end. */
export async function rangeInLog(tx: Tx, from: Date): Promise<RecordedRange> {
  const [row] = await tx.$queryRaw<{ first: bigint | null; last: bigint }[]>`
    select (select min(e."seq") from (
        select "seq" from "AuditEvent" where "at" >= ${new Date(from.getTime() - skewMs)} order by "at" limit ${rowsOfATime}) e) as "first",
      (select "seq" from "AuditHead" where "id" = 1) as "last"`
  const { first, last } = row!
  return { from, afterSeq: first === null ? last : first - 1n, upToSeq: last }
}

/** The instant of a decision: that of its record, unless the record says another one. */
const decidedAt = Prisma.sql`coalesce((e."detail"->>'decidedAt')::timestamptz, e."at")`
/** 0 is Monday from 0:00, UTC. */
export const hourOfWeek = Prisma.sql`((extract(isodow from ${decidedAt} at time zone 'UTC') - 1) * 24 + extract(hour from ${decidedAt} at time zone 'UTC'))::int`

/** The decisions in a part of the log, alike ones together; `timed`: those of different hours of the week apart. */
export async function recordedGroups(
  tx: Tx,
  { from, afterSeq, upToSeq, timed }: RecordedRange & { timed: boolean },
): Promise<RecordedGroup[]> {
  return await tx.$queryRaw<RecordedGroup[]>`
    select e."detail"->>'situation' as "situation",
      case e."event" when 'mcp.call_allowed' then 'allow' when 'mcp.call_denied' then 'deny' else 'stranger' end as "decision",
      case when e."event" = 'mcp.call_denied' then e."rule" end as "rule", e."detail"->>'policyVersion' as "version",
      ${timed ? hourOfWeek : Prisma.sql`null::int`} as "hour",
      sum(case when e."event" = 'mcp.caller_refused' then (e."detail"->>'count')::int else 1 end)::int as "calls",
      max(e."at") as "lastAt"
    from "AuditEvent" e
    where e."seq" > ${afterSeq} and e."seq" <= ${upToSeq} and e."at" >= ${from}
      and e."event" in ('mcp.call_allowed', 'mcp.call_denied', 'mcp.caller_refused')
    group by 1, 2, 3, 4, 5`
}

/** What the policies were asked in these situations; one that is not known, or that this release cannot read, is left out. */
export async function situationsOf(tx: Tx, digests: readonly string[]): Promise<Map<string, SituationFacts>> {
  const rows = await tx.policySituation.findMany({ where: { digest: { in: [...digests] } } })
  const known = new Map<string, SituationFacts>()
  for (const { digest, facts } of rows) {
    const parsed = situationFacts.safeParse(facts)
    if (parsed.success) known.set(digest, parsed.data)
  }
  return known
}
