import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { policySetNotFound } from '../rules/policy-set-errors.ts'
import { type ReplayCallsQuery, replayCallsQuery, type ReplayedCall, type ReplayedCalls } from '../schema/replays.ts'
import { firstSeqSince } from './first-seq.ts'

type Row = Omit<ReplayedCall, 'at' | 'seq'> & { at: Date; seq: bigint }

/** The live calls that a set would have decided otherwise while it was log-only with its text of now, newest first, a page at a time. Needs `audit:read`; throws `not_found`. */
export async function listLogOnlyCalls(
  ctx: Ctx,
  { number, ...input }: ReplayCallsQuery & { number: number },
): Promise<ReplayedCalls> {
  authorize(ctx, 'audit:read')
  const { limit, ...query } = replayCallsQuery.parse(input)
  const db = reader(ctx)
  const set = await db.policySet.findUnique({ where: { number }, select: { version: true, logOnlyAt: true } })
  if (!set) throw policySetNotFound(number)
  const { version, logOnlyAt: from } = set
  if (!from) return { items: [], nextCursor: null }
  const rows = await db.$queryRaw<Row[]>(logOnlyCallsSql({ version, from }, { ...query, limit: limit + 1 }))
  const items = rows.slice(0, limit).map((row) => ({ ...row, seq: row.seq.toString(), at: row.at.toISOString() }))
  return { items, nextCursor: rows.length > limit ? (items.at(-1)?.seq ?? null) : null }
}

/** Answered by the indexes of what a set in log-only would have decided otherwise, which hold no other row of the log. */
export function logOnlyCallsSql(
  { version, from }: { version: string; from: Date },
  { kind, agent, server, tool, rule, cursor, limit }: ReturnType<typeof replayCallsQuery.parse>,
): Prisma.Sql {
  const of = Prisma.sql`coalesce(e."detail"->'candidate'->>'rule', e."rule")`
  const only = (column: Prisma.Sql, value: string | undefined) =>
    value === undefined ? Prisma.empty : Prisma.sql`and ${column} = ${value}`
  return Prisma.sql`
    select e."id"::text, e."seq", e."at", e."agentId", e."serverId", e."tool", e."runId"::text, e."decision", ${of} as "rule"
    from "AuditEvent" e
    where e."detail" ? 'candidate' and e."detail"->'candidate'->>'version' = ${version}
      and e."event" in ('mcp.call_allowed', 'mcp.call_denied') and e."at" >= ${from} and e."seq" >= ${firstSeqSince(from)}
      and not e."detail"->'candidate' ? 'unread'
      and (e."detail"->'candidate'->>'rule' is null) = ${kind === 'permitted'}
      ${only(Prisma.sql`e."agentId"`, agent)} ${only(Prisma.sql`e."serverId"`, server)} ${only(Prisma.sql`e."tool"`, tool)} ${only(of, rule)}
      ${cursor === undefined ? Prisma.empty : Prisma.sql`and e."seq" < ${BigInt(cursor)}`}
    order by e."seq" desc limit ${limit}`
}
