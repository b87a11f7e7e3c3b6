export { logOnlyReport } from './queries/log-only-report.ts'
export { checkPolicyText, getPolicySet, listPolicySets, policySetsInUse } from './queries/policy-sets.ts'
export { loadPolicySet, openPolicySet, policySchema, readPolicySource } from './queries/policy-source.ts'
export { centralRuleTitles, explainStoredRule } from './queries/stored-rules.ts'
