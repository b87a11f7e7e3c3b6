import { type Ctx, reader } from '#lib/auth/ctx.ts'
import type { BrokerLimits } from '../../rules/request-limits.ts'
import type { GrantFacts, PolicyView } from '../../rules/facts.ts'
import { useOfRate } from '../../rules/grant-rate.ts'
import type { KnownRates } from '../../rules/known-rates.ts'

const periodMs = { minute: 60_000, hour: 3_600_000 } as const

type Of = { agentId: string; serverId: string; at: Date; past: boolean; brokers: BrokerLimits | null }

/**
 * How far the rates of an agent's grants on a server are used: as brokers count them; of what was, the calls on record. Nothing is counted. And when spending was last looked at, which is
 * known of the present alone.
 */
export async function knownRates(ctx: Ctx, view: PolicyView, of: Of): Promise<KnownRates> {
  const { agentId, serverId, at, past, brokers } = of
  const grants = view.agents.get(agentId)?.grants.filter((grant) => grant.serverId === serverId && grant.rate) ?? []
  const toCome = at > ctx.now
  const [uses, spending] = await Promise.all([
    past ? recorded(ctx, grants, of) : counted(ctx, grants, at),
    past || toCome ? null : spendingNow(ctx),
  ])
  return { uses, basis: past ? 'recorded' : 'counted', toCome, at, spending, brokers }
}

async function spendingNow(ctx: Ctx): Promise<KnownRates['spending']> {
  const look = await reader(ctx).spendingLook.findUnique({ where: { id: 1 }, select: { at: true } })
  return { lookedAt: look?.at ?? null }
}

async function counted(ctx: Ctx, grants: readonly GrantFacts[], at: Date): Promise<KnownRates['uses']> {
  if (grants.length === 0) return new Map()
  const rows = await reader(ctx).grantUse.findMany({ where: { grantId: { in: grants.map(({ id }) => id) } } })
  const byGrant = new Map(rows.map((row) => [row.grantId, row]))
  return new Map(grants.map(({ id, rate }) => [id, useOfRate(byGrant.get(id) ?? null, rate!, at)]))
}

async function recorded(ctx: Ctx, grants: readonly GrantFacts[], of: Of): Promise<KnownRates['uses']> {
  const { agentId, serverId, at } = of
  const uses = grants.map(async ({ id, rate }) => {
    const used = await reader(ctx).auditEvent.count({
      where: {
        agentId,
        serverId,
        event: 'mcp.call_allowed',
        at: { gt: new Date(at.getTime() - periodMs[rate!.per]), lte: at },
        detail: { path: ['grantId'], equals: id },
      },
    })
    return [id, { used, waitMs: null }] as const
  })
  return new Map(await Promise.all(uses))
}
