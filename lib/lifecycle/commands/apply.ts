import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError, invariant } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { applyExisting } from '../manifest/apply-existing.ts'
import { applyNew } from '../manifest/apply-new.ts'
import { Complaints } from '../manifest/complaints.ts'
import { manifestTimeoutMs, type ParsedManifest, parseManifests } from '../manifest/parse.ts'
import type { ManifestChange, ManifestPlan, ManifestProblem } from '../schema.ts'

/**
 * Makes the registry say what the manifests say: all of them or, with any problem, none. With `dryRun` it does the same and undoes it, so
 * the plan is what would happen. Applying twice changes nothing the second time. Needs `agents:update` (and `agents:create` for new
 * agents) in each owner team; problems come with their line.
 */
export async function applyManifest(
  ctx: Ctx,
  yamlText: string,
  options: { dryRun?: boolean } = {},
): Promise<ManifestPlan> {
  authorize(ctx, 'agents:update')
  invariant(!ctx.tx, 'applying a manifest opens its own transaction, because it may undo it')
  const { manifests, problems } = parseManifests(yamlText)
  if (problems.length > 0) return { applied: false, changes: [], problems: inOrder(problems) }
  try {
    return await inTx(
      ctx,
      async (_, ctx) => {
        const plan = await applyAll(ctx, manifests)
        if (options.dryRun || plan.problems.length > 0) throw new Undo({ ...plan, applied: false })
        return plan
      },
      { timeoutMs: manifestTimeoutMs },
    )
  } catch (error) {
    if (error instanceof Undo) return error.plan
    throw error
  }
}

/** Carries the plan out of the transaction that is undone. */
class Undo extends Error {
  readonly plan: ManifestPlan

  constructor(plan: ManifestPlan) {
    super('undo')
    this.plan = plan
  }
}

async function applyAll(ctx: Ctx & { tx: Tx }, manifests: readonly ParsedManifest[]): Promise<ManifestPlan> {
  const ids = manifests.map(({ id }) => id)
  const known = await ctx.tx.agent.findMany({ where: { id: { in: ids } }, select: { id: true } })
  const existing = new Set(known.map(({ id }) => id))
  const changes: ManifestChange[] = []
  const problems: ManifestProblem[] = []
  // Two files that name the same agents lock them in the same order.
  for (const manifest of manifests.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const complaints = new Complaints(manifest)
    const change = existing.has(manifest.id)
      ? await applyExisting(ctx, { manifest, complaints })
      : await applyNew(ctx, { manifest, complaints })
    if (change) changes.push(change)
    problems.push(...complaints.problems)
  }
  return {
    applied: problems.length === 0,
    changes: changes.toSorted((a, b) => a.line - b.line),
    problems: inOrder(problems),
  }
}

function inOrder(problems: readonly ManifestProblem[]): ManifestProblem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
}

/** As `applyManifest`, for callers that show problems as an error: throws `invalid` with `details.problems` and the first one's line. */
export function refuseManifestProblems(plan: ManifestPlan): ManifestPlan {
  const [first] = plan.problems
  if (!first) return plan
  const more = plan.problems.length > 1 ? ` (and ${plan.problems.length - 1} more)` : ''
  throw new DomainError('invalid', `Line ${first.line}: ${first.message}${more}`, {
    rule: 'lifecycle:manifest',
    line: first.line,
    column: first.column,
    problems: plan.problems,
  })
}
