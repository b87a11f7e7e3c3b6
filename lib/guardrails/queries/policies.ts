import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { type PolicySet, refusingPolicySet } from '../rules/policy-set.ts'
import { openPolicySet } from './policy-source.ts'

let opened: PolicySet | null = null

/** The central policies that calls are judged by now: those of the enforced set, as a broker has them. Parsed anew only when another one is enforced. */
export async function policiesInForce(ctx: Ctx): Promise<PolicySet> {
  const enforced = await reader(ctx).policySet.findFirst({
    where: { state: 'enforced' },
    select: { number: true, version: true, policies: true },
  })
  if (!enforced) return refusingPolicySet('none', 'no policy set is enforced.')
  if (opened?.version !== enforced.version) opened = openPolicySet(enforced)
  return opened
}
