import { roleNames } from '#lib/auth/permissions.ts'
import { durationWords } from '#lib/core/duration.ts'
import type { Rule } from '../schema.ts'
import type { HeldCallState, TimeoutAction } from '../schema/held-calls.ts'
import { holdKeeper } from '../schema/hold-rules.ts'
import type { ExplainedFacts } from '../schema/explanation.ts'

// Rules that hold calls, as rules of the platform: each is explained under an id of its own.

const prefix = 'hold:'
/** Claude asks before a tool because the template says so. */
const ofTemplate = `${prefix}template`

/** The id of a rule that holds calls, as it stands in explanations and the audit log; null: the template asks. */
export function holdRuleId(ruleId: string | null): string {
  return ruleId === null ? ofTemplate : prefix + ruleId
}

export function isHoldRule(id: string): boolean {
  return id.startsWith(prefix)
}

/** Which rule of the database an id names; null: none. */
export function storedHoldRule(id: string): string | null {
  return isHoldRule(id) && id !== ofTemplate ? id.slice(prefix.length) : null
}

export type HoldRuleTerms = {
  title: string
  deciderRoles: readonly string[]
  decideSeconds: number
  onTimeout: TimeoutAction
}

/** What such a rule says; `terms`: null where it is not known which one it is. */
export function holdRuleEntry(id: string, terms: HoldRuleTerms | null): Rule {
  const general = {
    id,
    title: 'A rule that holds calls',
    explanation: 'Such calls wait until somebody who may decides about each of them.',
    remedy: 'Ask somebody who decides; the call waits meanwhile.',
    setBy: 'Whoever made the rule that holds such calls',
    changedBy: holdKeeper,
  }
  if (id === ofTemplate) {
    const changedBy = {
      roles: ['platform_admin'],
      how: 'Publish a version of the template that does not ask.',
    } as const
    return { ...general, title: 'The template asks before this tool', setBy: 'The template', changedBy }
  }
  if (!terms) return general
  const who = namesOf(terms.deciderRoles)
  return {
    ...general,
    title: terms.title,
    explanation: `Such calls wait until a person decides about each of them (${who}), for ${durationWords(terms.decideSeconds)} at most.`,
    remedy: `Ask somebody who decides (${who}); the call waits meanwhile.`,
  }
}

/** The facts of a call that is, or would be, held. */
export function holdFacts(hold: {
  ruleId: string | null
  deciderRoles: readonly string[]
  onTimeout: TimeoutAction
  /** A call that waits, else the time it would have. */
  waits: { heldCallId: string; expiresAt: Date } | { decideSeconds: number }
}): Record<string, string | number> {
  const { ruleId, deciderRoles, onTimeout, waits } = hold
  return {
    ...('heldCallId' in waits
      ? { heldCall: waits.heldCallId, decideUntil: waits.expiresAt.toISOString() }
      : { decideSeconds: waits.decideSeconds }),
    ...(ruleId === null ? {} : { holdRule: ruleId }),
    deciders: namesOf(deciderRoles),
    onTimeout,
  }
}

const ended: Record<Exclude<HeldCallState, 'waiting'>, string> = {
  approved: 'It was approved.',
  edited: 'It was approved with other arguments.',
  rejected: 'It was rejected.',
  expired: 'Nobody decided in time.',
  cancelled: 'It was withdrawn before anybody decided.',
}

/** Who decides about a held call until when; of one that was decided, how. `state`: what became of it since. */
export function holdRemedy(facts: ExplainedFacts, state: HeldCallState | null): string | null {
  if (state !== null && state !== 'waiting') return ended[state]
  const { deciders, decideUntil, decideSeconds, onTimeout } = facts
  if (typeof deciders !== 'string') return null
  const time =
    typeof decideUntil === 'string' ? `until ${decideUntil}` : `within ${durationWords(Number(decideSeconds))}`
  return `It is decided by ${deciders} ${time}; if nobody does, it ${onTimeout === 'allow' ? 'goes' : 'is refused'}.`
}

// Browsers load this file: no import that needs Node.
function namesOf(roles: readonly string[]): string {
  return roleNames(roles).join(', ')
}
