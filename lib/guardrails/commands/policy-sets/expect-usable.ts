import { DomainError } from '#lib/core/errors.ts'
import { joinPolicies } from '../../cedar/split.ts'
import { tryPolicies } from '../../cedar/try-policies.ts'
import { policySchema } from '../../queries/policy-source.ts'

/** A set that was saved under another release may not type-check in this one: then brokers would refuse everything. Throws `invalid`. */
export async function expectUsable(policies: readonly string[], number: number): Promise<void> {
  const [problem] = (await tryPolicies(joinPolicies(policies), policySchema)).problems
  if (!problem) return
  const message = `This release cannot read policy set ${number}, line ${problem.line}: ${problem.message} Make a draft of it and mend that.`
  throw new DomainError('invalid', message, { rule: 'policies:invalid', line: problem.line })
}
