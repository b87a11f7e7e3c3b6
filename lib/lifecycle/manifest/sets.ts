import type { Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { retireAgent } from '../commands/moves.ts'
import type { ManifestChange, ManifestProblem } from '../schema.ts'

type InTx = Ctx & { tx: Tx }

/** Whoever applies the same set takes turns, so that nobody gives up what another is just adding. */
export async function lockSet({ tx }: InTx, set: string): Promise<void> {
  await tx.$queryRaw`select pg_advisory_xact_lock(hashtextextended(${`manifest-set:${set}`}, 0))::text`
}

/** The agents that the set has created, that still live, and that its manifests do not hold any more. */
export async function leftOver({ tx }: InTx, { set, ids }: { set: string; ids: readonly string[] }): Promise<string[]> {
  const rows = await tx.manifestSetAgent.findMany({
    where: { set, agentId: { notIn: [...ids] }, agent: { status: { not: 'retired' } } },
    orderBy: { agentId: 'asc' },
    select: { agentId: true },
  })
  return rows.map(({ agentId }) => agentId)
}

export async function joinSet(ctx: InTx, { set, agentId }: { set: string; agentId: string }): Promise<void> {
  await ctx.tx.manifestSetAgent.create({ data: { agentId, set, createdAt: ctx.now } })
}

/** Retires an agent that its set has given up. There is no line to point at: what is wrong stands where a line is missing. */
export async function pruneAgent(
  ctx: InTx,
  { set, agentId }: { set: string; agentId: string },
): Promise<ManifestChange | ManifestProblem> {
  const problem = (message: string) => ({
    line: 1,
    column: 1,
    id: agentId,
    message: `${agentId} cannot be pruned. ${message}`,
  })
  try {
    const outcome = await retireAgent(ctx, { agentId, reason: `The manifests of ${set} do not hold it any more.` })
    if (!outcome.ok) return problem(outcome.error.message)
    return { id: agentId, line: 0, action: 'prune', changes: ['it is retired'], fields: [] }
  } catch (error) {
    if (!(error instanceof DomainError) || String(error.details['rule']).startsWith('permission:')) throw error
    return problem(error.message)
  }
}
