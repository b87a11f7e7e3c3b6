export { logOnlyReport } from './queries/log-only-report.ts'
export { getPolicyReplay, listPolicyReplays } from './queries/policy-replays.ts'
export { checkPolicyText, getPolicySet, getTrialTerms, listPolicySets, policySetsInUse } from './queries/policy-sets.ts'
export {
  loadPolicySet,
  openPolicySet,
  openPolicySetGently,
  policySchema,
  readPolicySource,
} from './queries/policy-source.ts'
export { listReplayedCalls } from './queries/replayed-calls.ts'
export { centralRuleTitles, explainStoredRule } from './queries/stored-rules.ts'
export { type ReplayedSet, replayedSet } from './replay/replayed-set.ts'
