import { authorize, can, type Ctx, reader } from '#lib/auth/ctx.ts'
import { mayActForTeam } from '#lib/registry/rules.ts'
import { writeManifest } from './manifest/document.ts'
import { manifestFieldsOf } from './manifest/of-agent.ts'
import { moveProblem } from './rules.ts'
import { resumeProblem } from './rules/orphans.ts'
import type { BulkEligibility, BulkEligibilityInput } from './schema.ts'

export { templateDrift } from './queries/drift.ts'
export { getReview, listReviews } from './queries/reviews.ts'
export { listWaitingReviews } from './queries/waiting-reviews.ts'

/** `measured: false` leaves out what is measured and reviewed, for files kept in a repository. */
export type ExportOptions = { measured?: boolean }

/** Agents read at a time: what an export holds in memory. */
const batchSize = 200

/** An agent's registry entry as YAML; applying it again changes nothing. Needs `agents:read`; throws `not_found`. */
export async function exportManifest(ctx: Ctx, id: string, options: ExportOptions = {}): Promise<string> {
  authorize(ctx, 'agents:read')
  const [fields] = await manifestFieldsOf(ctx, [id])
  return writeManifest(fields!, options)
}

/** Several agents as one file of many documents, in the order given, piece by piece. Needs `agents:read`; throws `not_found`. */
export async function* exportManifests(
  ctx: Ctx,
  ids: readonly string[],
  options: ExportOptions = {},
): AsyncGenerator<string, void, void> {
  authorize(ctx, 'agents:read')
  for (let from = 0; from < ids.length; from += batchSize) {
    const fields = await manifestFieldsOf(ctx, ids.slice(from, from + batchSize))
    const documents = fields.map((each) => writeManifest(each, options)).join('---\n')
    yield from === 0 ? documents : `---\n${documents}`
  }
}

/** With which of several agents something can be done now, and why not with the others: what `moveAgents` would say. Needs `agents:read`. */
export async function bulkEligibility(ctx: Ctx, { agentIds, move }: BulkEligibilityInput): Promise<BulkEligibility> {
  authorize(ctx, 'agents:read')
  const found = await reader(ctx).agent.findMany({
    where: { id: { in: agentIds } },
    select: {
      id: true,
      status: true,
      ownerTeam: { select: { id: true, name: true } },
      accountablePerson: { select: { active: true } },
      orphaned: { select: { suspendAt: true } },
    },
  })
  const byId = new Map(found.map((agent) => [agent.id, agent]))
  const answer: BulkEligibility = { move, eligible: [], refused: [] }
  const problemOf = (agent: (typeof found)[number] | undefined): string | null => {
    if (!agent) return 'It does not exist any more.'
    if (!can(ctx.actor, 'agents:suspend')) return 'You may not suspend or resume agents.'
    if (!mayActForTeam(ctx.actor, agent.ownerTeam.id))
      return `Only members of ${agent.ownerTeam.name} may do this to its agents.`
    const problem = moveProblem(agent.status, move)
    if (problem !== null || move !== 'resume') return problem
    const { orphaned, accountablePerson } = agent
    return resumeProblem(
      { suspendAt: orphaned?.suspendAt ?? null, accountableActive: accountablePerson.active },
      ctx.now,
    )
  }
  for (const agentId of new Set(agentIds)) {
    const message = problemOf(byId.get(agentId))
    if (message === null) answer.eligible.push(agentId)
    else answer.refused.push({ agentId, message })
  }
  return answer
}

export { getOrphan, listOrphans } from './queries/orphans.ts'
