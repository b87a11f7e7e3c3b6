import { DomainError } from '#lib/core/errors.ts'
import { checkPolicies } from '../../cedar/check.ts'
import { joinPolicies } from '../../cedar/split.ts'
import { policySchema } from '../../queries/policy-source.ts'

/** A set that was saved under another release may not type-check in this one: then brokers would refuse everything. Throws `invalid`. */
export function expectUsable({ number, policies }: { number: number; policies: readonly string[] }): void {
  const [problem] = checkPolicies(joinPolicies(policies), policySchema).problems
  if (!problem) return
  const message = `This release cannot read policy set ${number}, line ${problem.line}: ${problem.message} Make a draft of it and mend that.`
  throw new DomainError('invalid', message, { rule: 'policies:invalid', line: problem.line })
}
