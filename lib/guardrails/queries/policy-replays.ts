import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { Prisma, type PolicyReplay } from '#lib/db/generated/client.ts'
import { explainRule } from '../rules/explain.ts'
import { replaySays } from '../rules/replay-words.ts'
import type { PolicyWords } from '../schema/policy-sets.ts'
import {
  type DifferenceSum,
  type PolicyReplayList,
  type PolicyReplayReport,
  type PolicyReplayView,
  type ReplayFigures,
  type ReplayListQuery,
  replayListQuery,
} from '../schema/replays.ts'

/** Of each list of a report. */
const rowsMax = 100

/** The replays of a set, newest first. Needs `audit:read`. */
export async function listPolicyReplays(ctx: Ctx, input: ReplayListQuery): Promise<PolicyReplayList> {
  authorize(ctx, 'audit:read')
  const { number, limit, cursor } = replayListQuery.parse(input)
  const db = reader(ctx)
  const last = cursor === undefined ? null : await db.policyReplay.findUnique({ where: { id: cursor } })
  if (cursor !== undefined && last?.setNumber !== number)
    throw new DomainError('invalid', 'This page link is damaged. Start from the first page.', { field: 'cursor' })
  const behind = last && {
    OR: [{ createdAt: { lt: last.createdAt } }, { createdAt: last.createdAt, id: { lt: last.id } }],
  }
  const rows = await db.policyReplay.findMany({
    where: { setNumber: number, ...behind },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: limit + 1,
  })
  const page = rows.slice(0, limit)
  const version = await versionNow(ctx, number)
  return {
    items: page.map((row) => viewOf(row, version)),
    nextCursor: rows.length > limit ? (page.at(-1)?.id ?? null) : null,
  }
}

/** One replay with what would differ. Needs `audit:read`; throws `not_found`. */
export async function getPolicyReplay(ctx: Ctx, replayId: string): Promise<PolicyReplayReport> {
  authorize(ctx, 'audit:read')
  const db = reader(ctx)
  const row = await db.policyReplay.findUnique({ where: { id: replayId } })
  if (!row) throw new DomainError('not_found', 'There is no such replay.')
  const view = viewOf(row, await versionNow(ctx, row.setNumber))
  // While it runs there are some, of a try that may be given up.
  const attempt = row.state === 'done' ? row.attempt : null
  const shown = Prisma.sql`d."replayId" = ${replayId}::uuid and d."attempt" = ${attempt}::int`
  const [byAgent, byTool, byPolicy] = await Promise.all([
    db.$queryRaw<PolicyReplayReport['byAgent']>(
      Prisma.sql`select d."agentId", max(a."name") as "name", ${sums} from "PolicyReplayDifference" d
        left join "Agent" a on a."id" = d."agentId" where ${shown} group by 1 ${mostFirst}, 1 limit ${rowsMax}`,
    ),
    db.$queryRaw<PolicyReplayReport['byTool']>(
      Prisma.sql`select "serverId", "tool", ${sums} from "PolicyReplayDifference" d where ${shown}
        group by 1, 2 ${mostFirst}, 1, 2 limit ${rowsMax}`,
    ),
    db.$queryRaw<({ rule: string } & DifferenceSum)[]>(
      Prisma.sql`select "rule", ${sums} from "PolicyReplayDifference" d where ${shown}
        group by 1 ${mostFirst}, 1 limit ${rowsMax}`,
    ),
  ])
  const sets = await db.policySet.findMany({ select: { number: true, version: true, words: true } })
  return {
    ...view,
    against: (view.figures?.against ?? []).map((each) => ({
      ...each,
      number: sets.find(({ version }) => version === each.version)?.number ?? null,
    })),
    byAgent,
    byTool,
    byPolicy: byPolicy.map(({ rule, ...sum }) => ({ rule, title: titleOf(rule, sets, row.setNumber), ...sum })),
  }
}

const sums = Prisma.sql`coalesce(sum("calls") filter (where "kind" = 'blocked'), 0)::int as "blocked",
  coalesce(sum("calls") filter (where "kind" = 'permitted'), 0)::int as "permitted"`
const mostFirst = Prisma.sql`order by sum("calls") desc`

/** As the set itself says it; a policy of another set as that one does. */
function titleOf(rule: string, sets: readonly { number: number; words: unknown }[], number: number | null): string {
  const own = [...sets].toSorted(
    (a, b) => Number(b.number === number) - Number(a.number === number) || b.number - a.number,
  )
  for (const { words } of own) {
    const found = (words as PolicyWords[]).find(({ id }) => id === rule)
    if (found) return found.title
  }
  return explainRule(rule).title
}

async function versionNow(ctx: Ctx, number: number | null): Promise<string | null> {
  if (number === null) return null
  const set = await reader(ctx).policySet.findUnique({ where: { number }, select: { version: true } })
  return set?.version ?? null
}

function viewOf(row: PolicyReplay, version: string | null): PolicyReplayView {
  const report = row.report as Omit<ReplayFigures, 'leftOut'> | null
  const figures = report && { leftOut: { differences: 0, calls: 0 }, ...report }
  const whole = Number(row.upToSeq - row.afterSeq)
  const read = Number(row.doneSeq - row.afterSeq)
  return {
    id: row.id,
    set: { number: row.setNumber, version: row.setVersion },
    outdated: row.setNumber !== null && row.setVersion !== version,
    from: row.fromAt.toISOString(),
    to: row.toAt.toISOString(),
    state: row.state,
    // Reading is most of the work; what is left then is to ask the set.
    progress: row.state === 'done' ? 1 : whole === 0 ? 0 : Math.min(0.99, read / whole),
    figures,
    says: figures ? replaySays(figures) : [],
    error: row.error,
    requestedBy: row.requestedByName,
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    endedAt: row.endedAt?.toISOString() ?? null,
  }
}
