import type { RuleId } from '../schema.ts'
import { type CallStepId, callSteps, type ExplainedFacts, type StepId } from '../schema/explanation.ts'
import { isPersonRule, isRequestRule } from './explain.ts'
import { isHoldRule } from './hold-words.ts'

type NamedRule = Exclude<RuleId, `policy_${string}`>

/** At which step each rule refuses; those of the central policies all at one. Some rules are asked at two steps: see `stepOf`. */
const steps: Record<NamedRule, StepId> = {
  killed: 'stop',
  agent_unknown: 'caller',
  agent_not_active: 'caller',
  run_not_open: 'caller',
  version_mismatch: 'caller',
  token_revoked: 'caller',
  server_unknown: 'server',
  server_disabled: 'server',
  tool_unknown: 'tool',
  tool_removed: 'tool',
  tool_quarantined: 'tool',
  grant_missing: 'grant',
  grant_expired: 'grant',
  grant_condition: 'conditions',
  budget_exceeded: 'budget',
  spending_unknown: 'budget',
  rate_limited: 'rates',
  grant_rate: 'rates',
  calls_at_once: 'rates',
  rate_unavailable: 'rates',
  call_rejected: 'hold',
  call_hold_expired: 'hold',
  call_hold_cancelled: 'hold',
  held_call_altered: 'hold',
  hold_unavailable: 'hold',
  view_stale: 'request',
  draining: 'request',
  method_not_brokered: 'request',
  request_too_large: 'request',
  request_too_deep: 'request',
  number_inexact: 'request',
  browser_origin: 'request',
  content_type_unsupported: 'request',
  accept_unsupported: 'request',
  json_invalid: 'request',
  header_mismatch: 'request',
  protocol_version_unsupported: 'request',
  envelope_invalid: 'request',
  params_invalid: 'request',
  session_not_found: 'request',
  session_ended: 'request',
  session_unknown: 'request',
  session_unsealed: 'request',
  event_unknown: 'request',
  token_missing: 'request',
  token_invalid: 'request',
  token_expired: 'request',
  token_not_yet_valid: 'request',
  token_wrong_issuer: 'request',
  token_wrong_audience: 'request',
  token_binding: 'request',
  dpop_proof_invalid: 'request',
  dpop_proof_replayed: 'request',
  dpop_proof_unread: 'request',
  client_unknown: 'request',
  client_authentication_failed: 'request',
  assertion_replayed: 'request',
  assertion_invalid: 'request',
  resource_not_served: 'request',
  issuer_not_trusted: 'request',
  issuer_unavailable: 'request',
  subject_not_mapped: 'request',
  audit_unavailable: 'delivery',
  upstream_unavailable: 'delivery',
  upstream_deadline: 'delivery',
  result_marked: 'delivery',
  result_too_large: 'delivery',
  result_too_deep: 'delivery',
  credential_missing: 'delivery',
  credential_refused: 'delivery',
  credential_scope: 'delivery',
  credential_unavailable: 'delivery',
  answer_unknown: 'delivery',
  answer_deadline: 'delivery',
  state_expired: 'delivery',
  task_unknown: 'delivery',
  task_not_yours: 'delivery',
  task_not_over: 'delivery',
  task_not_translated: 'delivery',
  registry_nothing_allowed: 'person',
  version_not_bound: 'launch',
  budget_exhausted: 'launch',
  run_deadline: 'run',
  run_turns: 'run',
  run_budget: 'run',
  stopped_by_person: 'run',
  custom_tool_unknown: 'run',
}

/** The step at which a rule refused, null for a rule that no release of this kind knows. What it refused tells apart a rule that is asked twice. */
export function stepOf(rule: string, facts: ExplainedFacts = {}): StepId | null {
  if (rule.startsWith('policy_')) return 'policy'
  if (isHoldRule(rule)) return 'hold'
  if (rule === 'killed' && (facts['scope'] === 'server' || facts['scope'] === 'tool')) return 'target_stop'
  if (rule === 'tool_unknown' && facts['server'] === '') return 'server'
  if (rule === 'rate_limited' && facts['scope'] === 'agent') return 'agent_rate'
  if (rule.startsWith('permission:') || isPersonRule(rule) || isRequestRule(rule)) return 'person'
  return Object.hasOwn(steps, rule) ? steps[rule as NamedRule] : null
}

export function isCallStep(step: StepId | null): step is CallStepId {
  return (callSteps as readonly (StepId | null)[]).includes(step)
}
