import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { agentNotFound, agentRows } from '#lib/registry/queries.ts'
import type { ArgumentCondition, CallRate } from '#lib/registry/schema/conditions.ts'
import type { AgentLayer, AgentRow } from '#lib/registry/schema.ts'
import { type ManifestFields, type ManifestScope, roundRate, sortScopes } from './document.ts'

/** What agents' manifests say now, in the order given; a handful of statements however many they are. Throws `not_found`. */
export async function manifestFieldsOf(ctx: Ctx, ids: readonly string[]): Promise<ManifestFields[]> {
  const rows = await agentRows(ctx, ids)
  const missing = ids.find((id) => !rows.some((row) => row.id === id))
  if (missing !== undefined) throw agentNotFound(missing)
  const entries = await reader(ctx).agent.findMany({
    where: { id: { in: [...ids] } },
    select: {
      id: true,
      scheduleEnabled: true,
      monthlyBudgetMicros: true,
      accountablePerson: { select: { email: true } },
    },
  })
  const layers = await reader(ctx).agentVersion.findMany({
    where: { OR: rows.map(({ id, version }) => ({ agentId: id, version })) },
    select: { agentId: true, layer: true },
  })
  const scopes = await scopesOf(ctx, ids)
  const [entryOf, layerOf] = [
    new Map(entries.map((entry) => [entry.id, entry])),
    new Map(layers.map(({ agentId, layer }) => [agentId, layer as AgentLayer])),
  ]
  return rows.map((row) => {
    const entry = entryOf.get(row.id)!
    return {
      ...fieldsOfRow(row),
      accountable: entry.accountablePerson.email,
      parameters: layerOf.get(row.id)!.parameters,
      prompt: layerOf.get(row.id)!.prompt,
      scopes: sortScopes(scopes.get(row.id) ?? []),
      scheduleEnabled: entry.scheduleEnabled,
      monthlyBudgetMicros: entry.monthlyBudgetMicros,
    }
  })
}

function fieldsOfRow(row: AgentRow) {
  return {
    id: row.id,
    name: row.name,
    owner: row.owner.id,
    purpose: row.purpose,
    tier: row.tier,
    template: `${row.template.id}@${row.template.version}`,
    schedule: row.schedule,
    status: row.status,
    lastReviewed: row.lastReviewedAt?.slice(0, 10) ?? null,
    monthlyRuns: row.monthlyRuns,
    escalationRate: roundRate(row.escalationRate),
  }
}

/** Grants that are not revoked and not expired, by agent. */
async function scopesOf(ctx: Ctx, ids: readonly string[]): Promise<Map<string, ManifestScope[]>> {
  const grants = await reader(ctx).grant.findMany({
    where: { agentId: { in: [...ids] }, revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: ctx.now } }] },
    select: {
      agentId: true,
      serverId: true,
      class: true,
      toolName: true,
      expiresAt: true,
      conditions: true,
      rateCalls: true,
      ratePer: true,
    },
    orderBy: { createdAt: 'asc' },
  })
  const scopes = new Map<string, ManifestScope[]>()
  for (const { agentId, expiresAt, conditions, rateCalls, ratePer, ...grant } of grants) {
    const rate = rateCalls === null ? null : ({ calls: rateCalls, per: ratePer } as CallRate)
    const scope = {
      ...grant,
      until: expiresAt?.toISOString() ?? null,
      conditions: conditions as unknown as ArgumentCondition[],
      rate,
    }
    scopes.set(agentId, [...(scopes.get(agentId) ?? []), scope])
  }
  return scopes
}
