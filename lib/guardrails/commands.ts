export { createHoldRule, removeHoldRule, withdrawHoldRuleEnd } from './commands/hold-rules.ts'
export { endHoldBypass, endHoldBypasses, openHoldBypass } from './commands/hold-bypasses.ts'
export { decideHeldCall } from './commands/decide-held-call.ts'
export {
  cancelHeldCall,
  endHeldCalls,
  type HeldTicket,
  holdCall,
  type Kept,
  lookAtHeldCalls,
  type Settled,
  settleHeldCall,
} from './commands/held-calls.ts'
export { holdCallWithin, type WaitingFull } from './commands/hold-call-within.ts'
export { remindOfHeldCalls } from './commands/held-call-reminders.ts'
export { cancelPolicyReplay, forgetPolicyReplays, runPolicyReplay } from './commands/policy-replays.ts'
export { startPolicyReplay, startTextReplay } from './commands/start-replay.ts'
export { setServerGuards } from './commands/server-guards.ts'
export { limitAgentCalls } from './commands/call-rates.ts'
export { setAgentLimits } from './commands/agent-limits.ts'
export { keepAccessTable } from './commands/keep-access-table.ts'
export { draftPolicySet } from './commands/policy-sets/draft.ts'
export { enforcePolicySet, rollBackPolicySet } from './commands/policy-sets/enforce.ts'
export { discardPolicySet } from './commands/policy-sets/discard.ts'
export { confirmTrialTerms, setTrialTerms, withdrawTrialTerms } from './commands/policy-sets/trial-terms.ts'
export { endLogOnly, startLogOnly } from './commands/policy-sets/log-only.ts'
export { syncPolicySets } from './commands/policy-sets/sync.ts'
