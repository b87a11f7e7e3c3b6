import { authorize, type Ctx } from '#lib/auth/ctx.ts'
import { fleetOf } from '../fleet/live.ts'
import { similarTo } from '../fleet/similar.ts'
import type { SimilarAgent } from '../schema/similar.ts'
import { agentNotFound } from './agents.ts'

/** Agents that do much the same as this one, most alike first: candidates to be merged, or to learn from. Needs `agents:read`; throws `not_found`. */
export async function similarAgents(ctx: Ctx, query: { agentId: string; limit: number }): Promise<SimilarAgent[]> {
  authorize(ctx, 'agents:read')
  const index = await fleetOf(ctx)
  const slot = index.slotOf.get(query.agentId)
  if (slot === undefined) throw agentNotFound(query.agentId)
  return similarTo(index.agent(slot), { index, limit: query.limit })
}
