import { plural } from '#lib/core/count.ts'
import type { TrialTerms } from '#lib/guardrails/schema/policy-trial.ts'
import { isSetting, type LoosenedFact, looseningText } from '#lib/registry/schema/loosenings.ts'
import { loosening, ruleAsks, ruleChanged, type Tellers } from './phrases.ts'

/** What people are told because controls change: rules, what policies are tried by, and facts of servers and tools by which controls are chosen. */
export const ruleTellers: Tellers = {
  'approval_rule.proposed': (event) =>
    ruleAsks(event, {
      of: 'approvals:manage',
      what: 'is proposed',
      reason: 'It makes approval easier, so it holds when somebody else confirms it.',
    }),
  'approval_rule.created': (event) =>
    ruleChanged(event, {
      of: 'approvals:manage',
      what: 'holds',
      reason: 'It asks for as much as before, or more.',
    }),
  'approval_rule.confirmed': (event) =>
    ruleChanged(event, {
      of: 'approvals:manage',
      what: 'was confirmed and holds',
      reason: 'The second of two people.',
    }),
  'approval_rule.removed': (event) =>
    ruleChanged(event, { of: 'approvals:manage', what: 'was removed', reason: event.detail.reason }),
  'hold_rule.created': (event) =>
    ruleChanged(event, { of: 'holds:manage', what: 'was made', reason: 'Calls that it fits wait for a person.' }),
  'hold_rule.removed': (event) =>
    ruleChanged(event, { of: 'holds:manage', what: 'was removed', reason: event.detail.reason }),
  'approval_rule.end_asked': (event) =>
    ruleAsks(event, { of: 'approvals:manage', what: 'is to end', reason: event.detail.reason }),
  'approval_rule.end_withdrawn': (event) => ruleChanged(event, { of: 'approvals:manage', ...goesOn }),
  'hold_rule.end_asked': (event) =>
    ruleAsks(event, { of: 'holds:manage', what: 'is to end', reason: event.detail.reason }),
  'hold_rule.end_withdrawn': (event) => ruleChanged(event, { of: 'holds:manage', ...goesOn }),
  'server.loosening_proposed': (event) => {
    const { what, before, after, reason } = event.detail
    const change = looseningText({ tool: event.tool, what: what as LoosenedFact, before, after })
    return loosening(event, {
      title: `${event.actor.name} asks for a second person: ${event.subject.name}, ${change}`,
      body: reason ?? 'It loosens controls, so it counts when somebody else confirms it.',
    })
  },
  'server.loosening_confirmed': (event) =>
    loosening(event, {
      title: `${event.actor.name} confirmed what was proposed of ${event.tool ?? event.subject.name}`,
      body: choosesControls(event.detail.what)
        ? 'Approval rules, hold rules and policies choose by it from now on.'
        : 'It counts from now on.',
    }),
  'server.loosening_ended': (event) =>
    loosening(event, {
      title: `What was proposed of ${event.tool ?? event.subject.name} waits for nobody any more`,
      body:
        event.detail.how === 'withdrawn' ? `${event.actor.name} took it back.` : 'Something else was said of it since.',
    }),
  'policy_trial_terms.proposed': (event) =>
    ruleAsks(event, {
      of: 'policies:manage',
      what: 'is to be less',
      reason: `${insteadOf(event.detail)} It is less than the defaults, so it holds when somebody else confirms it.`,
    }),
  'policy_trial_terms.changed': (event) =>
    ruleChanged(event, { of: 'policies:manage', what: 'was changed', reason: insteadOf(event.detail) }),
  'policy_trial_terms.confirmed': (event) =>
    ruleChanged(event, { of: 'policies:manage', what: 'was confirmed and holds', reason: insteadOf(event.detail) }),
  'policy_trial_terms.withdrawn': (event) =>
    ruleChanged(event, { of: 'policies:manage', what: 'stays as it is', reason: 'Takes back what was proposed.' }),
}

/** Not what guards the answers of a server or keeps its processes apart; older events do not say what it is. */
function choosesControls(what: string | undefined): boolean {
  return what !== undefined && !isSetting(what as LoosenedFact)
}

const goesOn = { what: 'goes on', reason: 'Asks for its end no more.' } as const

function insteadOf({ before, after }: { before: TrialTerms; after: TrialTerms }): string {
  return `In log-only for ${termsOf(after)} instead of ${termsOf(before)}.`
}

function termsOf({ logOnlyMinutes, logOnlyCalls }: TrialTerms): string {
  return `${plural(logOnlyMinutes, 'minute')} and ${plural(logOnlyCalls, 'call')}`
}
