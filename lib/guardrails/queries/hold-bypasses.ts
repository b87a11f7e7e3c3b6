import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { personNames } from '#lib/registry/queries.ts'
import { bypassCallsMax, type HoldBypassView } from '../schema/hold-bypasses.ts'

const bypassesMax = 500

/** Bypasses of rules that hold calls, newest first: those in force, or the last 500 of all. `counted: false` where nobody looks at their calls. Needs `runs:read`. */
export async function listHoldBypasses(
  ctx: Ctx,
  { state = 'in_force', limit = bypassesMax }: { state?: 'in_force' | 'all'; limit?: number } = {},
  { counted = true }: { counted?: boolean } = {},
): Promise<HoldBypassView[]> {
  authorize(ctx, 'runs:read')
  const where = state === 'all' ? {} : { endedAt: null, expiresAt: { gt: ctx.now } }
  return await readBypasses(ctx, { where, limit: Math.min(limit, bypassesMax), counted })
}

/** One bypass with how many calls it let through. Needs `runs:read`; throws `not_found`. */
export async function getHoldBypass(ctx: Ctx, id: string): Promise<HoldBypassView> {
  authorize(ctx, 'runs:read')
  const [bypass] = await readBypasses(ctx, { where: { id }, limit: 1, counted: true })
  if (!bypass) throw new DomainError('not_found', 'There is no such bypass.')
  return bypass
}

async function readBypasses(
  ctx: Ctx,
  { where, limit, counted }: { where: Prisma.HoldBypassWhereInput; limit: number; counted: boolean },
): Promise<HoldBypassView[]> {
  const db = reader(ctx)
  const rows = await db.holdBypass.findMany({
    where,
    orderBy: [{ openedAt: 'desc' }, { id: 'desc' }],
    take: limit,
    include: { rule: { select: { id: true, title: true } } },
  })
  const agentIds = rows.flatMap((row) => row.agentId ?? [])
  const agents = await db.agent.findMany({ where: { id: { in: agentIds } }, select: { id: true, name: true } })
  const people = await personNames(
    ctx,
    rows.flatMap((row) => [row.openedById, row.endedById]),
  )
  const calls = counted ? await callsThrough(ctx, rows) : null
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
    calls: calls && (calls.get(row.id) ?? 0),
  }))
}

/** From the audit log, which has indexes of exactly these; no further than what is shown of a number. */
async function callsThrough(ctx: Ctx, bypasses: readonly { id: string }[]): Promise<Map<string, number>> {
  if (bypasses.length === 0) return new Map()
  const ids = bypasses.map(({ id }) => id)
  const rows = await reader(ctx).$queryRaw<{ id: string; calls: number }[]>`
    select b."id", c."calls" from unnest(${ids}::text[]) b("id") cross join lateral (
      select count(*)::int as "calls" from (
        (select 1 from "AuditEvent" where "event" = 'mcp.call_allowed' and "detail"->'bypassed' is not null
          and "detail"->'bypassed'->>'bypass' = b."id" limit ${bypassCallsMax})
        union all
        (select 1 from "AuditEvent" where "event" = 'mcp.call_allowed' and "detail"->'bypassed'->'also' is not null
          and "detail"->'bypassed'->'also' @> jsonb_build_array(jsonb_build_object('bypass', b."id")) limit ${bypassCallsMax})
        limit ${bypassCallsMax}
      ) through
    ) c`
  return new Map(rows.map(({ id, calls }) => [id, calls]))
}
