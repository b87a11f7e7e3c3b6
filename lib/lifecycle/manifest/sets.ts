import type { Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { retireAgent } from '../commands/moves.ts'
import type { ManifestChange, ManifestProblem } from '../schema.ts'
import { manifestAgentsMax } from './parse.ts'

type InTx = Ctx & { tx: Tx }

/** Whoever applies the same set takes turns, so that nobody gives up what another is just adding. */
export async function lockSet({ tx }: InTx, set: string): Promise<void> {
  await tx.$queryRaw`select pg_advisory_xact_lock(hashtextextended(${`manifest-set:${set}`}, 0))::text`
}

/** The agents that the set has created and that still live. */
export async function membersOf({ tx }: InTx, set: string): Promise<string[]> {
  const rows = await tx.manifestSetAgent.findMany({
    where: { set, agent: { status: { not: 'retired' } } },
    orderBy: { agentId: 'asc' },
    select: { agentId: true },
  })
  return rows.map(({ agentId }) => agentId)
}

type SetPlan = { set: string; members: readonly string[]; left: readonly string[]; created: number; prune: boolean }

/**
 * A set is never larger than what one file may hold: of a larger one no file could say all that it still wants, and pruning would retire the
 * rest for good.
 */
export function setProblem({ set, members, left, created, prune }: SetPlan): ManifestProblem | null {
  const max = manifestAgentsMax
  if (prune && left.length > 0 && members.length > max) {
    return problemOfSet(
      `The set ${set} has ${members.length} live agents and one file holds at most ${max}, so it cannot be known which of them are not wanted any more: nothing of it is pruned. Retire by name those that are not wanted.`,
    )
  }
  const after = members.length - (prune ? left.length : 0) + created
  if (created === 0 || after <= max) return null
  const hint = left.length > 0 && !prune ? 'Prune what the set does not hold any more, or give' : 'Give'
  return problemOfSet(
    `The set ${set} would have ${after} agents; it has at most ${max}, so that one file can hold all of it. ${hint} these manifests a label of their own.`,
  )
}

function problemOfSet(message: string): ManifestProblem {
  return { line: 1, column: 1, id: null, message }
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
