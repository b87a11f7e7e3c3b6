import { DomainError } from '#lib/core/errors.ts'
import { covers } from '#lib/registry/rules.ts'
import type { ToolClass } from '#lib/registry/schema.ts'
import { rateText } from '#lib/registry/schema/conditions.ts'
import { widerThanAsked } from '../rules.ts'
import type { ScopeTerms } from '../schema.ts'
import type { ApprovalRuleFacts } from './approval-policy.ts'
import { checkBesidesToolsLimits } from './besides-tools.ts'
import { checkConditions, limitsOf, type ScopeLimits } from './limits.ts'

type Approved = {
  days: number | null
  conditions: unknown
  rateCalls: number | null
  ratePer: string | null
  /** null: as it was asked for, its tool too. */
  class: ToolClass | null
  toolName: string | null
}

/** What is left of a request after the approvals so far, no longer than its rule allows. */
export function termsLeft(
  asked: { days: number | null; class: ToolClass; toolName: string | null } & ScopeLimits,
  { approvals, rule }: { approvals: readonly Approved[]; rule: ApprovalRuleFacts },
): ScopeTerms {
  const last = approvals.at(-1)
  const { days, conditions, rate } = last ? { days: last.days, ...limitsOf(last) } : asked
  const reach = last?.class ? { class: last.class, toolName: last.toolName } : asked
  const { class: toolClass, toolName } = reach
  return cappedTerms({ days, conditions: [...conditions], rate, class: toolClass, toolName }, rule)
}

export function cappedTerms(terms: ScopeTerms, { daysMax }: ApprovalRuleFacts): ScopeTerms {
  return daysMax === null ? terms : { ...terms, days: Math.min(terms.days ?? daysMax, daysMax) }
}

/**
 * Left out: as it is. An approver may shorten and narrow, never lengthen nor widen. `tool`: of the server, as the one that is wanted is named. Throws `invalid` naming the
 * field.
 */
export function narrowedTerms(
  left: ScopeTerms,
  { tool, ...wanted }: Partial<ScopeTerms> & { tool: { name: string; class: ToolClass } | null },
): ScopeTerms {
  const days = wanted.days === undefined ? left.days : wanted.days
  if (left.days !== null && (days === null || days > left.days)) {
    throw new DomainError('invalid', `It may be granted for ${left.days} days; grant at most that.`, {
      field: 'days',
      rule: 'scopes:longer_than_asked',
    })
  }
  const reach = narrowedReach(left, { ...wanted, tool })
  const limits = { conditions: wanted.conditions ?? left.conditions, rate: wanted.rate ?? left.rate }
  checkConditions(limits.conditions)
  checkBesidesToolsLimits(reach.toolName, limits)
  const field = widerThanAsked(left, limits)
  if (!field) return { days, ...limits, ...reach }
  const message =
    field === 'rate'
      ? `It was asked for ${rateText(left.rate!)}; grant at most that.`
      : 'It was asked for with conditions; keep each of them, and add what you want.'
  throw wider(field, message)
}

type Reach = Pick<ScopeTerms, 'class' | 'toolName'>

/** A class below, or one tool of it; one tool takes the class that it needs. */
function narrowedReach(
  left: Reach,
  wanted: Partial<Reach> & { tool: { name: string; class: ToolClass } | null },
): Reach {
  const toolClass = wanted.class ?? left.class
  if (!covers(left.class, toolClass)) {
    throw wider('class', `It was asked for ${left.class}; grant that, or less.`)
  }
  const toolName = wanted.toolName ?? left.toolName
  if (toolName === left.toolName) {
    if (toolName === null || toolClass === left.class) return { class: toolClass, toolName }
    throw wider('class', `One tool needs the class it has: ${left.class}.`)
  }
  if (left.toolName !== null) throw wider('toolName', `It was asked for ${left.toolName}; grant that.`)
  if (wanted.tool && covers(toolClass, wanted.tool.class)) return { class: wanted.tool.class, toolName }
  throw wider('toolName', `${toolName} is no ${toolClass} tool of this server.`)
}

function wider(field: string, message: string): DomainError {
  return new DomainError('invalid', message, { field, rule: 'scopes:wider_than_asked' })
}
