import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { digestOf } from '#lib/core/canonical-json.ts'
import { DomainError, invariant } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { applyExisting } from '../manifest/apply-existing.ts'
import { applyNew } from '../manifest/apply-new.ts'
import { Complaints } from '../manifest/complaints.ts'
import { manifestTimeoutMs, type ParsedManifest, parseManifests } from '../manifest/parse.ts'
import { joinSet, lockSet, membersOf, pruneAgent, setProblem } from '../manifest/sets.ts'
import type { ApplyManifestOptions, ManifestChange, ManifestPlan, ManifestProblem } from '../schema.ts'

/**
 * Makes the registry say what the manifests say: all of them or, with any problem, none. With `dryRun` it does the same and undoes it, so
 * the plan is what would happen; with the digest of such a plan it does exactly that, and throws `conflict` when something else would change
 * by now. Applying twice changes nothing the second time. With `set` and `prune` the agents that applying this set has created and that it does
 * not hold any more are retired, and no others. Needs `agents:update` (and `agents:create` for new agents, `agents:retire` to prune) in
 * each owner team; problems come with their line.
 */
export async function applyManifest(
  ctx: Ctx,
  yamlText: string,
  options: ApplyManifestOptions = {},
): Promise<ManifestPlan> {
  authorize(ctx, 'agents:update')
  invariant(!ctx.tx, 'applying a manifest opens its own transaction, because it may undo it')
  if (options.prune && options.set === undefined) {
    const message = 'Only a set can be pruned: name it, so that it is known what it has created.'
    throw new DomainError('invalid', message, { field: 'set', rule: 'lifecycle:prune_set' })
  }
  const { manifests, problems } = parseManifests(yamlText)
  if (problems.length > 0) return { applied: false, changes: [], problems: inOrder(problems), digest: '' }
  try {
    return await inTx(
      ctx,
      async (_, ctx) => {
        const plan = await applyAll(ctx, { manifests, options })
        if (options.dryRun || plan.problems.length > 0) throw new Undo({ ...plan, applied: false })
        refuseOtherPlan(plan, options.plan)
        return plan
      },
      { timeoutMs: manifestTimeoutMs },
    )
  } catch (error) {
    if (error instanceof Undo) return error.plan
    throw error
  }
}

/** What somebody agreed to is what is done. */
function refuseOtherPlan({ digest }: ManifestPlan, agreed: string | undefined): void {
  if (agreed === undefined || agreed === digest) return
  throw new DomainError('conflict', 'Something has changed since this plan was made: look at the new one.', {
    rule: 'lifecycle:plan_changed',
  })
}

/** Carries the plan out of the transaction that is undone. */
class Undo extends Error {
  readonly plan: ManifestPlan

  constructor(plan: ManifestPlan) {
    super('undo')
    this.plan = plan
  }
}

type Given = { manifests: readonly ParsedManifest[]; options: ApplyManifestOptions }
type Turn = { id: string; manifest: ParsedManifest | null }

async function applyAll(ctx: Ctx & { tx: Tx }, { manifests, options }: Given): Promise<ManifestPlan> {
  const { set, prune = false } = options
  if (set !== undefined) await lockSet(ctx, set)
  const ids = manifests.map(({ id }) => id)
  const members = set === undefined ? [] : await membersOf(ctx, set)
  const held = new Set(ids)
  const left = members.filter((id) => !held.has(id))
  const known = await ctx.tx.agent.findMany({ where: { id: { in: ids } }, select: { id: true } })
  const existing = new Set(known.map(({ id }) => id))
  const created = ids.length - existing.size
  const tooLarge = set === undefined ? null : setProblem({ set, members, left, created, prune })
  // Before anything is done: what is refused as a whole is not tried agent by agent.
  if (tooLarge) return { applied: false, changes: [], problems: [tooLarge], digest: '' }
  const changes: ManifestChange[] = []
  const problems: ManifestProblem[] = []
  const turns: Turn[] = [
    ...manifests.map((manifest) => ({ id: manifest.id, manifest })),
    ...left.map((id) => ({ id, manifest: null })),
  ]
  // Two files that name the same agents lock them in the same order.
  for (const { id, manifest } of turns.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    if (manifest) {
      const complaints = new Complaints(manifest)
      const isNew = !existing.has(id)
      const change = await (isNew ? applyNew : applyExisting)(ctx, { manifest, complaints })
      if (change && isNew && set !== undefined) await joinSet(ctx, { set, agentId: id })
      if (change) changes.push(change)
      problems.push(...complaints.problems)
    } else if (set !== undefined && prune) {
      const outcome = await pruneAgent(ctx, { set, agentId: id })
      if ('action' in outcome) changes.push(outcome)
      else problems.push(outcome)
    } else changes.push({ id, line: 0, action: 'would_prune', changes: [], fields: [] })
  }
  // What has no line comes last.
  const last = (line: number) => (line === 0 ? Number.POSITIVE_INFINITY : line)
  const ordered = changes.toSorted((a, b) => last(a.line) - last(b.line) || (a.id < b.id ? -1 : 1))
  return {
    applied: problems.length === 0,
    changes: ordered,
    problems: inOrder(problems),
    digest: digestOf(ordered.map(({ id, action, changes: words, fields }) => ({ id, action, words, fields }))),
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
