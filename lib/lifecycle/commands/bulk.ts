import { authorize, type Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { type BulkOutcome, type MoveAgentsInput, moveAgentsInput } from '../schema.ts'
import { resumeAgent, suspendAgent } from './moves.ts'

const commands = { suspend: suspendAgent, resume: resumeAgent } as const

/**
 * Suspends or resumes several agents, each by itself: one that is refused leaves the others done. Needs `agents:suspend`, in each owner
 * team unless the role reaches every team.
 */
export async function moveAgents(ctx: Ctx, input: MoveAgentsInput): Promise<BulkOutcome> {
  authorize(ctx, 'agents:suspend')
  const { agentIds, move, reason } = moveAgentsInput.parse(input)
  const outcome: BulkOutcome = { moved: [], refused: [] }
  for (const agentId of new Set(agentIds)) {
    const refusal = await refusalOf(() => commands[move](ctx, { agentId, reason }))
    if (refusal === null) outcome.moved.push(agentId)
    else outcome.refused.push({ agentId, message: refusal })
  }
  return outcome
}

/** A permission or a state that does not fit is an answer about one agent; anything else is an error. */
async function refusalOf(work: () => ReturnType<typeof suspendAgent>): Promise<string | null> {
  try {
    const moved = await work()
    return moved.ok ? null : moved.error.message
  } catch (error) {
    if (error instanceof DomainError && (error.code === 'forbidden' || error.code === 'not_found')) return error.message
    throw error
  }
}
