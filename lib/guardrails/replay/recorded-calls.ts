import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { RecordedCalls, type RecordedGroup } from '../rules/replay.ts'
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

/** The try of a replay that reads. */
export type Attempt = { replayId: string; attempt: number }

/**
 * Adds up the decisions in a part of the log, alike ones together (`timed`: those of different hours of the week apart), and puts aside in the database what
 * names a situation; the rest, which is little, is returned. A caller is a stranger where no agent is known; any other was refused before the policies.
 */
export async function putAside(
  tx: Tx,
  { range, timed, by }: { range: RecordedRange; timed: boolean; by: Attempt },
): Promise<RecordedGroup[]> {
  const { from, afterSeq, upToSeq } = range
  return await tx.$queryRaw<RecordedGroup[]>`
    with alike as materialized (
      select e."detail"->>'situation' as "situation", d."decision",
        case when d."decision" = 'deny' then e."rule" end as "rule", e."detail"->>'policyVersion' as "version",
        ${timed ? hourOfWeek : Prisma.sql`null::int`} as "hour", min(e."seq") as "firstSeq",
        sum(coalesce((e."detail"->>'count')::int, 1))::int as "calls",
        max(e."at") as "lastAt"
      from "AuditEvent" e
      cross join lateral (select case
        when e."event" = 'mcp.call_allowed' then 'allow'
        when e."event" = 'mcp.caller_refused' and (e."agentId" is null or e."rule" = 'agent_unknown') then 'stranger'
        else 'deny' end as "decision") d
      where e."seq" > ${afterSeq} and e."seq" <= ${upToSeq} and e."at" >= ${from}
        and e."event" in ('mcp.call_allowed', 'mcp.call_denied', 'mcp.caller_refused')
      group by 1, 2, 3, 4, 5
    ), aside as (
      insert into "PolicyReplayGroup" ("replayId", "attempt", "situation", "firstSeq", "decision", "rule", "version", "hour", "calls", "lastAt")
      select ${by.replayId}::uuid, ${by.attempt}::int, "situation", "firstSeq", "decision", "rule", "version", "hour", "calls", "lastAt"
      from alike where "situation" is not null
    )
    select "situation", "decision", "rule", "version", "hour", "calls", "lastAt" from alike where "situation" is null`
}

const seqMax = 9_223_372_036_854_775_807n
type AsideRow = RecordedGroup & { situation: string; firstSeq: bigint }
/** Groups that are read at once, and so at most as many situations. */
const groupsAtOnce = 5000

/** What was put aside, situation by situation, each whole; never more of them in memory than are read at once. */
export async function* situationsAside(
  tx: Tx,
  { replayId, attempt, after, atOnce = groupsAtOnce }: Attempt & { after: string | null; atOnce?: number | undefined },
): AsyncGenerator<{ situation: string; groups: RecordedCalls }[]> {
  // Behind the last group of a situation that was judged whole.
  let last: Pick<AsideRow, 'situation' | 'firstSeq'> = {
    situation: after ?? '',
    firstSeq: after === null ? 0n : seqMax,
  }
  let open: { situation: string; groups: RecordedCalls } | undefined
  for (;;) {
    const rows = await tx.$queryRaw<AsideRow[]>`
      select "situation", "firstSeq", "decision", "rule", "version", "hour", "calls", "lastAt" from "PolicyReplayGroup"
      where "replayId" = ${replayId}::uuid and "attempt" = ${attempt} and ("situation", "firstSeq") > (${last.situation}, ${last.firstSeq})
      order by "situation", "firstSeq" limit ${atOnce}`
    const whole: { situation: string; groups: RecordedCalls }[] = []
    for (const { firstSeq: _, ...group } of rows) {
      if (open?.situation !== group.situation) {
        if (open) whole.push(open)
        open = { situation: group.situation, groups: new RecordedCalls() }
      }
      open.groups.add(group)
    }
    const done = rows.length < atOnce
    if (done && open) whole.push(open)
    if (whole.length > 0) yield whole
    if (done) return
    last = rows.at(-1)!
  }
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
