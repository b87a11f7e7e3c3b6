import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { personNames } from '#lib/registry/queries.ts'
import type { HoldBypassView } from '../schema/hold-bypasses.ts'

const bypassesMax = 500

/** Bypasses of rules that hold calls, newest first: those in force, or the last 500 of all. Needs `runs:read`. */
export async function listHoldBypasses(
  ctx: Ctx,
  { state = 'in_force' }: { state?: 'in_force' | 'all' } = {},
): Promise<HoldBypassView[]> {
  authorize(ctx, 'runs:read')
  const db = reader(ctx)
  const rows = await db.holdBypass.findMany({
    where: state === 'all' ? {} : { endedAt: null, expiresAt: { gt: ctx.now } },
    orderBy: [{ openedAt: 'desc' }, { id: 'desc' }],
    take: bypassesMax,
    include: { rule: { select: { id: true, title: true } } },
  })
  const agentIds = rows.flatMap((row) => row.agentId ?? [])
  const agents = await db.agent.findMany({ where: { id: { in: agentIds } }, select: { id: true, name: true } })
  const people = await personNames(
    ctx,
    rows.flatMap((row) => [row.openedById, row.endedById]),
  )
  const calls = await callsThrough(
    ctx,
    rows.map(({ id }) => id),
  )
  const personOf = (id: string) => people.get(id) ?? { id, name: 'unknown', active: false }
  return rows.map((row) => ({
    id: row.id,
    rule: row.rule,
    agent: row.agentId === null ? null : (agents.find(({ id }) => id === row.agentId) ?? null),
    reason: row.reason,
    openedBy: personOf(row.openedById),
    openedAt: row.openedAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
    endedAt: row.endedAt?.toISOString() ?? null,
    endedBy: row.endedById === null ? null : personOf(row.endedById),
    inForce: row.endedAt === null && row.expiresAt > ctx.now,
    calls: calls.get(row.id) ?? 0,
  }))
}

/** From the audit log, which has an index of exactly these. */
async function callsThrough(ctx: Ctx, ids: readonly string[]): Promise<Map<string, number>> {
  if (ids.length === 0) return new Map()
  const rows = await reader(ctx).$queryRaw<{ id: string; calls: number }[]>`
    select "detail"->'bypassed'->>'bypass' as "id", count(*)::int as "calls" from "AuditEvent"
    where "event" = 'mcp.call_allowed' and "detail"->'bypassed' is not null and "detail"->'bypassed'->>'bypass' = any(${[...ids]})
    group by 1`
  return new Map(rows.map(({ id, calls }) => [id, calls]))
}
