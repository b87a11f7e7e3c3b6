import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { getAgent } from '#lib/registry/queries.ts'
import { listGrants } from '#lib/scopes/queries.ts'
import { type ManifestFields, roundRate, sortScopes } from './document.ts'

/** What an agent's manifest says now. Throws `not_found`. */
export async function manifestFieldsOf(ctx: Ctx, id: string): Promise<ManifestFields> {
  const agent = await getAgent(ctx, id)
  const accountable = await reader(ctx).person.findUniqueOrThrow({
    where: { id: agent.accountable.id },
    select: { email: true },
  })
  const grants = await listGrants(ctx, { agentId: id })
  const scopes = grants.map(({ serverId, class: toolClass, toolName, expiresAt, conditions, rate }) => ({
    serverId,
    class: toolClass,
    toolName,
    until: expiresAt,
    conditions,
    rate,
  }))
  return {
    id: agent.id,
    name: agent.name,
    owner: agent.owner.id,
    accountable: accountable.email,
    purpose: agent.purpose,
    tier: agent.tier,
    template: `${agent.template.id}@${agent.template.version}`,
    parameters: agent.layer.parameters,
    prompt: agent.layer.prompt,
    scopes: sortScopes(scopes),
    schedule: agent.schedule,
    scheduleEnabled: agent.scheduleEnabled,
    monthlyBudgetMicros: agent.monthlyBudgetMicros === null ? null : BigInt(agent.monthlyBudgetMicros),
    status: agent.status,
    lastReviewed: agent.lastReviewedAt?.slice(0, 10) ?? null,
    monthlyRuns: agent.monthlyRuns,
    escalationRate: roundRate(agent.escalationRate),
  }
}
