import type { Ctx } from '#lib/auth/ctx.ts'
import { loadPolicySet } from '../queries.ts'
import type { PolicySet } from '../rules/policy-set.ts'

let loaded: Promise<PolicySet> | undefined

/** The central policies that brokers decide with. Callers authorize. */
export async function policiesInForce(_ctx: Ctx): Promise<PolicySet> {
  return await (loaded ??= loadPolicySet())
}
