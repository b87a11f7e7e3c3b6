import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { agentNotFound } from '#lib/registry/queries.ts'
import type { AgentLimits } from '../schema/agent-limits.ts'

export const agentLimitsSelect = {
  requestBytesMax: true,
  requestDepthMax: true,
  callDeadlineSeconds: true,
  resultBytesMax: true,
  resultDepthMax: true,
} as const satisfies Record<keyof AgentLimits, true>

/** What an agent has of its own of the limits of its calls. Needs `agents:read`; throws `not_found`. */
export async function getAgentLimits(ctx: Ctx, agentId: string): Promise<AgentLimits> {
  authorize(ctx, 'agents:read')
  const found = await reader(ctx).agent.findUnique({ where: { id: agentId }, select: agentLimitsSelect })
  if (!found) throw agentNotFound(agentId)
  return found
}
