import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { hourOfWeek } from '../replay/recorded-calls.ts'
import { type ReplayCallsQuery, replayCallsQuery, type ReplayedCall, type ReplayedCalls } from '../schema/replays.ts'

/** So many agents are looked up by their index; of more, most of the log is theirs anyway. */
const agentsByIndexMax = 200

type Row = Omit<ReplayedCall, 'at' | 'seq'> & { at: Date; seq: bigint }

/** The recorded calls that a replay decides otherwise, newest first, a page at a time. Needs `audit:read`; throws `not_found`. */
export async function listReplayedCalls(
  ctx: Ctx,
  { replayId, ...input }: ReplayCallsQuery & { replayId: string },
): Promise<ReplayedCalls> {
  authorize(ctx, 'audit:read')
  const { kind, agent, server, tool, rule, limit, cursor } = replayCallsQuery.parse(input)
  const db = reader(ctx)
  const replay = await db.policyReplay.findUnique({ where: { id: replayId } })
  if (!replay) throw new DomainError('not_found', 'There is no such replay.')
  // Until it is done, what is there may be given up.
  if (replay.state !== 'done') return { items: [], nextCursor: null }
  const { attempt } = replay
  const where = { replayId, attempt, kind, agentId: agent, serverId: server, tool, rule }
  const agents = await db.policyReplayDifference.groupBy({
    by: ['agentId'],
    where,
    orderBy: { agentId: 'asc' },
    take: agentsByIndexMax + 1,
  })
  if (agents.length === 0) return { items: [], nextCursor: null }
  const ids = agents.map(({ agentId }) => agentId)
  const event = kind === 'blocked' ? 'mcp.call_allowed' : 'mcp.call_denied'
  const before = cursor === undefined ? null : BigInt(cursor)
  const only = (column: Prisma.Sql, value: string | undefined) =>
    value === undefined ? Prisma.empty : Prisma.sql`and ${column} = ${value}`
  const rows = await db.$queryRaw<Row[]>`
    select e."id"::text, e."seq", e."at", d."agentId", d."serverId", d."tool", e."runId"::text, e."decision", d."rule"
    from "AuditEvent" e
    join "PolicyReplayDifference" d on d."replayId" = ${replayId}::uuid and d."attempt" = ${attempt} and d."kind" = ${kind} and d."situation" = e."detail"->>'situation'
      and (${kind} = 'blocked' or d."rule" = e."rule") and (d."hours" = '{}' or ${hourOfWeek} = any (d."hours"))
      ${only(Prisma.sql`d."serverId"`, server)} ${only(Prisma.sql`d."tool"`, tool)} ${only(Prisma.sql`d."rule"`, rule)}
    where e."event" = ${event} and e."seq" > ${replay.afterSeq} and e."seq" <= ${replay.upToSeq} and e."at" >= ${replay.fromAt}
      and (${before}::bigint is null or e."seq" < ${before}::bigint)
      ${ids.length <= agentsByIndexMax ? Prisma.sql`and e."agentId" = any (${ids})` : Prisma.empty}
    order by e."seq" desc limit ${limit + 1}`
  const items = rows.slice(0, limit).map((row) => ({ ...row, seq: row.seq.toString(), at: row.at.toISOString() }))
  return { items, nextCursor: rows.length > limit ? (items.at(-1)?.seq ?? null) : null }
}
