import { plural } from '#lib/core/count.ts'
import { DomainError } from '#lib/core/errors.ts'
import { covers } from '#lib/registry/rules.ts'
import type { ToolClass } from '#lib/registry/schema.ts'
import { isBesidesTools } from '#lib/registry/schema/capabilities.ts'
import { type CallRate, rateText } from '#lib/registry/schema/conditions.ts'
import { widerThanAsked } from '../rules.ts'
import type { ScopeTerms } from '../schema.ts'
import type { ApprovalRuleFacts } from './approval-policy.ts'
import { checkBesidesToolsLimits } from './besides-tools.ts'
import { checkConditions, limitsOf, type ScopeLimits } from './limits.ts'
import { checkNamesKnown, classNeeded } from './named-tools.ts'

type Approved = {
  days: number | null
  conditions: unknown
  rateCalls: number | null
  ratePer: string | null
  /** null: as it was asked for, its tools too. */
  class: ToolClass | null
  toolNames: string[]
}

/** What is left of a request after the approvals so far, no longer than its rule allows. */
export function termsLeft(
  asked: { days: number | null; class: ToolClass; toolNames: string[] } & ScopeLimits,
  { approvals, rule }: { approvals: readonly Approved[]; rule: ApprovalRuleFacts },
): ScopeTerms {
  const last = approvals.at(-1)
  const { days, conditions, rate } = last ? { days: last.days, ...limitsOf(last) } : asked
  const reach = last?.class ? { class: last.class, toolNames: last.toolNames } : asked
  const { class: toolClass, toolNames } = reach
  return cappedTerms({ days, conditions: [...conditions], rate, class: toolClass, toolNames }, rule)
}

export function cappedTerms(terms: ScopeTerms, { daysMax }: ApprovalRuleFacts): ScopeTerms {
  return daysMax === null ? terms : { ...terms, days: Math.min(terms.days ?? daysMax, daysMax) }
}

/**
 * Left out: as it is. An approver may shorten and narrow, never lengthen nor widen. `tools`: of the server, of those that are named.
 * A rate is kept for each grant, so what was asked for as a whole keeps its rate over all tools that are left of it. Throws `invalid` naming the
 * field.
 */
export function narrowedTerms(
  left: ScopeTerms,
  { tools, ...wanted }: Partial<ScopeTerms> & { tools: readonly Tool[] },
): ScopeTerms {
  const days = wanted.days === undefined ? left.days : wanted.days
  if (left.days !== null && (days === null || days > left.days)) {
    throw new DomainError('invalid', `It may be granted for ${plural(left.days, 'day')}; grant at most that.`, {
      field: 'days',
      rule: 'scopes:longer_than_asked',
    })
  }
  const reach = narrowedReach(left, { ...wanted, tools })
  const limits = { conditions: wanted.conditions ?? left.conditions, rate: wanted.rate ?? left.rate }
  checkConditions(limits.conditions)
  for (const name of reach.toolNames) checkBesidesToolsLimits(name, limits)
  const field = widerThanAsked(left, { ...limits, rate: rateInAll(limits.rate, { left, reach }) })
  if (!field) return { days, ...limits, ...reach }
  const message =
    field === 'rate'
      ? `It was asked for ${rateText(left.rate!)}; grant at most that${left.toolNames.length === 0 && reach.toolNames.length > 1 ? `, over ${reach.toolNames.length} tools, each of which has the rate` : ''}.`
      : 'It was asked for with conditions; keep each of them, and add what you want.'
  throw wider(field, message)
}

type Tool = { name: string; class: ToolClass }
type Reach = Pick<ScopeTerms, 'class' | 'toolNames'>

/** A class below, or some of its tools; tools that are named take the widest class that one of them needs. */
function narrowedReach(left: Reach, wanted: Partial<Reach> & { tools: readonly Tool[] }): Reach {
  const asked = wanted.class ?? left.class
  if (!covers(left.class, asked)) throw wider('class', `It was asked for ${left.class}; grant that, or less.`)
  const named = left.toolNames.length > 0
  const toolNames = wanted.toolNames ?? left.toolNames
  if (toolNames.length === 0 || sameNames(toolNames, left.toolNames)) {
    checkNamesKnown(toolNames, wanted.tools)
    if (!named || asked === left.class) return { class: asked, toolNames }
    throw wider('class', `Tools that are named need the class they have: ${left.class}.`)
  }
  const { tools } = wanted
  for (const name of toolNames) {
    if (named && !left.toolNames.includes(name)) {
      throw wider('toolNames', `It was asked for ${left.toolNames.join(', ')}; grant of these.`)
    }
    const found = isBesidesTools(name) ? named : tools.some((tool) => tool.name === name && covers(asked, tool.class))
    if (!found) throw wider('toolNames', `${name} is no ${asked} tool of this server.`)
  }
  return { class: classNeeded({ class: asked, toolNames }, tools), toolNames }
}

function sameNames(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name) => other.includes(name))
}

/** So often all grants together may be used that are left of one that was asked for as a whole. */
function rateInAll(rate: CallRate | null, { left, reach }: { left: Reach; reach: Reach }): CallRate | null {
  if (rate === null || left.toolNames.length > 0) return rate
  return { ...rate, calls: rate.calls * Math.max(1, reach.toolNames.length) }
}

function wider(field: string, message: string): DomainError {
  return new DomainError('invalid', message, { field, rule: 'scopes:wider_than_asked' })
}
