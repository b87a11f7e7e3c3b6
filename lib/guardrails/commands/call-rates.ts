import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { agentSubject, lockAgent } from '#lib/registry/commands.ts'
import { authorizeForTeam } from '#lib/registry/rules.ts'
import type { AgentCallRate, LimitAgentCallsInput } from '../schema/call-rates.ts'

/**
 * Sets how often an agent may call at all brokers together, for one that does harm by how much it does: milder than a stop. Brokers follow within a second. Needs
 * `agents:suspend`, in the owner team unless the role reaches every team; throws `not_found`, and `conflict` for a retired agent; nothing is written when nothing differs.
 */
export async function limitAgentCalls(ctx: Ctx, input: LimitAgentCallsInput): Promise<AgentCallRate> {
  authorize(ctx, 'agents:suspend')
  const { agentId, callsPerSecond, reason } = input
  return await inTx(ctx, async (tx, ctx) => {
    const agent = await lockAgent(tx, agentId)
    authorizeForTeam(ctx, 'agents:suspend', agent.ownerTeam)
    if (agent.status === 'retired') {
      throw new DomainError('conflict', `${agent.name} is retired and stays as it is.`, { rule: 'lifecycle:retired' })
    }
    const before = await tx.agent.findUniqueOrThrow({ where: { id: agentId }, select: { callsPerSecond: true } })
    if (before.callsPerSecond === callsPerSecond) return before
    await tx.agent.update({ where: { id: agentId }, data: { callsPerSecond, updatedAt: ctx.now } })
    const detail = { before: before.callsPerSecond, after: callsPerSecond, reason }
    recordAudit(tx, ctx, { event: 'agent.calls_limited', ...agentSubject(agent), detail })
    return { callsPerSecond }
  })
}
