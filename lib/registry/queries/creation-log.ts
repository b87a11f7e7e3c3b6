import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { agentNotFound } from './agents.ts'
import type { CreationLog, CreationStepName } from '../schema.ts'

/** The creation log of an agent, in order. Needs `agents:read`; throws `not_found`. Imported and seeded agents have no steps. */
export async function getCreationLog(ctx: Ctx, agentId: string): Promise<CreationLog> {
  authorize(ctx, 'agents:read')
  const agent = await reader(ctx).agent.findUnique({
    where: { id: agentId },
    select: {
      id: true,
      status: true,
      createdAt: true,
      creationSteps: { orderBy: { position: 'asc' } },
      runs: { where: { trigger: 'first_run' }, orderBy: { createdAt: 'asc' }, take: 1, select: { id: true } },
    },
  })
  if (!agent) throw agentNotFound(agentId)
  const ends = agent.creationSteps.map(({ finishedAt }) => finishedAt?.getTime() ?? null)
  const ended = ends.every((end) => end !== null) && ends.length > 0
  return {
    agentId,
    status: agent.status,
    firstRunId: agent.runs[0]?.id ?? null,
    elapsedMs: ended ? Math.max(...ends.map(Number)) - agent.createdAt.getTime() : null,
    steps: agent.creationSteps.map((step) => ({
      step: step.step as CreationStepName,
      state: step.state,
      detail: step.detail,
      attempts: step.attempts,
      startedAt: step.startedAt?.toISOString() ?? null,
      finishedAt: step.finishedAt?.toISOString() ?? null,
    })),
  }
}
