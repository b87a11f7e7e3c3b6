import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { agentSubject, lockAgent } from '#lib/registry/commands.ts'
import { authorizeForTeam } from '#lib/registry/rules.ts'
import { agentLimitsSelect } from '../queries/agent-limits.ts'
import { type AgentLimits, agentLimitNames, type SetAgentLimitsInput } from '../schema/agent-limits.ts'

/**
 * Sets limits of an agent's own: of what it sends, of how long a server has for its calls, and of what it is given. What is left out stays as it is; brokers follow within a second.
 * Needs `agents:suspend`, in the owner team unless the role reaches every team; throws `not_found`, and `conflict` for a retired agent; nothing is written when nothing differs.
 */
export async function setAgentLimits(ctx: Ctx, input: SetAgentLimitsInput): Promise<AgentLimits> {
  authorize(ctx, 'agents:suspend')
  const { agentId, reason } = input
  return await inTx(ctx, async (tx, ctx) => {
    const agent = await lockAgent(tx, agentId)
    authorizeForTeam(ctx, 'agents:suspend', agent.ownerTeam)
    if (agent.status === 'retired') {
      throw new DomainError('conflict', `${agent.name} is retired and stays as it is.`, { rule: 'lifecycle:retired' })
    }
    const current = await tx.agent.findUniqueOrThrow({ where: { id: agentId }, select: agentLimitsSelect })
    const changed = agentLimitNames.filter((name) => input[name] !== undefined && input[name] !== current[name])
    if (changed.length === 0) return current
    const of = (limits: Partial<AgentLimits>) => Object.fromEntries(changed.map((name) => [name, limits[name] ?? null]))
    const [before, after] = [of(current), of(input)]
    await tx.agent.update({ where: { id: agentId }, data: { ...after, updatedAt: ctx.now } })
    recordAudit(tx, ctx, { event: 'agent.limits_changed', ...agentSubject(agent), detail: { before, after, reason } })
    return { ...current, ...after }
  })
}
