import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { agentNotFound } from '#lib/registry/queries.ts'
import type { AgentCallRate } from '../schema/call-rates.ts'

/** How often an agent may call at all brokers together. Needs `agents:read`; throws `not_found`. */
export async function getAgentCallRate(ctx: Ctx, agentId: string): Promise<AgentCallRate> {
  authorize(ctx, 'agents:read')
  const found = await reader(ctx).agent.findUnique({ where: { id: agentId }, select: { callsPerSecond: true } })
  if (!found) throw agentNotFound(agentId)
  return found
}
