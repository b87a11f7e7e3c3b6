import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { checkPolicies } from '../../cedar/check.ts'
import { versionOf } from '../../cedar/policy-set.ts'
import { joinPolicies } from '../../cedar/split.ts'
import { readPolicySource, releaseName } from '../../queries/policy-source.ts'
import { keepAccessTable } from '../keep-access-table.ts'
import { lockPolicySets } from './lock.ts'

/**
 * Brings the policies that come with this release into the database: on an empty one as set number 1, enforced; later, when no set has their text, as a
 * draft that somebody has to enforce. Needs `policies:manage`; two at once do it once.
 */
export async function syncPolicySets(ctx: Ctx): Promise<{ created: number | null }> {
  authorize(ctx, 'policies:manage')
  const release = await releaseName()
  const { schema, policies } = await readPolicySource()
  const checked = checkPolicies(joinPolicies(policies), schema)
  const [problem] = checked.problems
  if (problem) throw new DomainError('invalid', `The policies of this release are not valid: ${problem.message}`)
  await keepAccessTable(ctx, { version: versionOf({ schema, policies }), policies, schema })
  const enforced = await ctx.db.policySet.findFirst({ where: { state: 'enforced' } })
  if (enforced) await keepAccessTable(ctx, { ...enforced, schema })
  // Those of before, for questions about an instant: a release that makes the table otherwise makes theirs anew.
  const before = await ctx.db.policySet.findMany({ where: { enforcedAt: { not: null }, state: { not: 'enforced' } } })
  for (const set of before) await keepAccessTable(ctx, { ...set, schema: set.schemaText })
  return await inTx(ctx, async (tx, ctx) => {
    await lockPolicySets(tx)
    const known = await tx.policySet.findMany({ select: { number: true, policies: true } })
    if (known.some((set) => set.policies.join('\n') === policies.join('\n'))) return { created: null }
    const number = Math.max(0, ...known.map((set) => set.number)) + 1
    const state = number === 1 ? 'enforced' : 'draft'
    const version = versionOf({ schema, policies })
    const by = `Release ${release}`
    await tx.policySet.create({
      data: {
        number,
        state,
        version,
        policies: [...policies],
        schemaText: schema,
        words: checked.policies.map(({ words }) => words),
        note: `The policies that come with release ${release}.`,
        origin: 'release',
        createdByName: by,
        changedByName: by,
        createdAt: ctx.now,
        changedAt: ctx.now,
        ...(number === 1 ? { enforcedAt: ctx.now, enforcedByName: by } : {}),
      },
    })
    recordAudit(tx, ctx, {
      event: 'policy_set.imported',
      subject: { kind: 'policy_set', id: String(number), name: `Policy set ${number}` },
      detail: { number, version, state, release },
    })
    return { created: number }
  })
}
