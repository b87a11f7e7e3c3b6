import type { RuleWords } from '../schema.ts'
import { approvalRuleWords } from './person-rules/approvals.ts'
import { delegationRuleWords, reviewRuleWords, stopRuleWords } from './person-rules/others.ts'
import { policySetRuleWords } from './person-rules/policies.ts'
import { scopeRuleWords } from './person-rules/scopes.ts'

/** Every rule that refuses people what they decide about others, by id; those that refuse agents and runs are in schema.ts. */
export const personRules: Readonly<Record<string, RuleWords>> = {
  ...scopeRuleWords,
  ...approvalRuleWords,
  ...policySetRuleWords,
  ...delegationRuleWords,
  ...reviewRuleWords,
  ...stopRuleWords,
}
