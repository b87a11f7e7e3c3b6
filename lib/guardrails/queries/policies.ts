import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { type PolicySet, refusingPolicySet } from '../rules/policy-set.ts'
import { openedPolicySet } from './opened-sets.ts'

const stored = { number: true, version: true, policies: true } as const

/** The central policies that calls are judged by now: those of the enforced set, as a broker has them. Parsed anew only when another one is enforced. Callers authorize. */
export async function policiesInForce(ctx: Ctx): Promise<PolicySet> {
  const enforced = await reader(ctx).policySet.findFirst({ where: { state: 'enforced' }, select: stored })
  return enforced ? await openedPolicySet(enforced) : refusingPolicySet('none', 'no policy set is enforced.')
}

/**
 * Those of another set by its number, enforced or not; or those that were in force at an instant. Callers authorize; throws `not_found`,
 * and `invalid` when that is not on record.
 */
export async function policiesOf(
  ctx: Ctx,
  { number, past }: { number: number | null; past: Date | null },
): Promise<PolicySet> {
  const db = reader(ctx)
  if (number !== null) {
    const set = await db.policySet.findUnique({ where: { number }, select: stored })
    if (!set) throw new DomainError('not_found', `There is no policy set ${number}.`, { field: 'policySet' })
    return await openedPolicySet(set)
  }
  if (past === null) return await policiesInForce(ctx)
  const period = await db.policySetPeriod.findFirst({
    where: { fromAt: { lte: past }, OR: [{ untilAt: null }, { untilAt: { gt: past } }] },
    orderBy: { id: 'desc' },
  })
  if (!period) {
    const message = 'at: it is not on record which policies were in force then. Name a policy set to ask that one.'
    throw new DomainError('invalid', message, { field: 'at' })
  }
  return await openedPolicySet(
    await db.policySet.findUniqueOrThrow({ where: { number: period.number }, select: stored }),
  )
}
