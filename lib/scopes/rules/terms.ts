import { DomainError } from '#lib/core/errors.ts'
import { rateText } from '#lib/registry/schema/conditions.ts'
import { widerThanAsked } from '../rules.ts'
import type { ScopeTerms } from '../schema.ts'
import type { ApprovalRuleFacts } from './approval-policy.ts'
import { checkConditions, limitsOf, type ScopeLimits } from './limits.ts'

type Approved = { days: number | null; conditions: unknown; rateCalls: number | null; ratePer: string | null }

/** What is left of a request after the approvals so far, no longer than its rule allows. */
export function termsLeft(
  asked: { days: number | null } & ScopeLimits,
  { approvals, rule }: { approvals: readonly Approved[]; rule: ApprovalRuleFacts },
): ScopeTerms {
  const last = approvals.at(-1)
  const { days, conditions, rate } = last ? { days: last.days, ...limitsOf(last) } : asked
  return cappedTerms({ days, conditions: [...conditions], rate }, rule)
}

export function cappedTerms(terms: ScopeTerms, { daysMax }: ApprovalRuleFacts): ScopeTerms {
  return daysMax === null ? terms : { ...terms, days: Math.min(terms.days ?? daysMax, daysMax) }
}

/** Left out: as it is. An approver may shorten and narrow, never lengthen nor widen. Throws `invalid` naming the field. */
export function narrowedTerms(left: ScopeTerms, wanted: Partial<ScopeTerms>): ScopeTerms {
  const days = wanted.days === undefined ? left.days : wanted.days
  if (left.days !== null && (days === null || days > left.days)) {
    throw new DomainError('invalid', `It may be granted for ${left.days} days; grant at most that.`, {
      field: 'days',
      rule: 'scopes:longer_than_asked',
    })
  }
  const limits = { conditions: wanted.conditions ?? left.conditions, rate: wanted.rate ?? left.rate }
  checkConditions(limits.conditions)
  const field = widerThanAsked(left, limits)
  if (!field) return { days, ...limits }
  const message =
    field === 'rate'
      ? `It was asked for ${rateText(left.rate!)}; grant at most that.`
      : 'It was asked for with conditions; keep each of them, and add what you want.'
  throw new DomainError('invalid', message, { field, rule: 'scopes:wider_than_asked' })
}
