import { covers } from '#lib/registry/rules.ts'
import { type ToolClass, toolClasses } from '#lib/registry/schema.ts'
import {
  type ApprovalFacts,
  type ApprovalRuleFacts,
  approvalRuleFor,
  approvesAtOnce,
  defaultApprovalRule,
} from './approval-policy.ts'
import { asked, demandsAll, passings } from './easier.ts'
import { classOf } from './named-tools.ts'
import { policyWords } from './request-policy-words.ts'

/** What is asked for, as the approval policy goes by it. `tools`: of the server, as they are now, of those that are named. */
export type PolicyFacts = ApprovalFacts & {
  toolNames: readonly string[]
  requesterId: string
  tools: readonly { name: string; class: ToolClass }[]
}

/** `apart`: why nobody can approve it as one, because rules ask different people about its parts. `says`: why it is this rule, where the parts have different ones. */
export type RequestRule = ApprovalRuleFacts & { apart?: string; says?: string }

/** A class that is reached, by which tools (none: as a class), and what the policy says of that alone. */
export type PolicyPart = { class: ToolClass; toolNames: string[]; rule: ApprovalRuleFacts; atOnce: boolean }

/**
 * The rule that a request is decided by, and whether all of it is approved at once. Of tools that are named it is the strictest rule of the classes that they have, otherwise of the class and each one that it covers, for no more days than
 * any of these says: so nothing is had more easily beside something else, or as part of a wider class, than alone. What no rule fits is decided by one of security, who is asked besides the others where the strictest rule does not ask for one already.
 */
export function requestPolicy(
  rules: readonly ApprovalRuleFacts[],
  request: PolicyFacts,
): { rule: RequestRule; atOnce: boolean } {
  const parts = reachedBy(request).map(({ class: toolClass, toolNames }): PolicyPart => {
    const facts = { ...request, class: toolClass, toolNames, takenAway: false }
    const rule = approvalRuleFor(rules, facts)
    return { class: toolClass, toolNames, rule, atOnce: approvesAtOnce(rule, facts) }
  })
  const days = parts.flatMap(({ rule }) => (rule.daysMax === null ? [] : [rule.daysMax]))
  const daysMax = days.length === 0 ? null : Math.min(...days)
  const found = strictestOf(parts) ?? withSecurity(parts)
  if (found) {
    const says = policyWords(parts, { rule: found, daysMax })
    const rule = { ...found, daysMax, ...(says === null ? {} : { says }) }
    return { rule, atOnce: parts.every(({ atOnce }) => atOnce) }
  }
  const written = parts.filter(({ rule }) => rule.id !== null)
  const [widest, ...rest] = written as [PolicyPart, ...PolicyPart[]]
  const other = rest.find((part) => !asksAsMuch(widest, part)) ?? widest
  const apart =
    request.toolNames.length === 0
      ? `${widest.class} covers ${other.class}, of which “${other.rule.title}” asks others than “${widest.rule.title}”: ask for tools by name, ${widest.class} and ${other.class} apart.`
      : `${other.toolNames.join(', ')}: for ${other.class} “${other.rule.title}” asks others than “${widest.rule.title}” does for ${widest.toolNames.join(', ')}: ask for it separately.`
  return { rule: { ...widest.rule, daysMax, apart }, atOnce: false }
}

/** The rule whose times a review of break-glass has: that of a request of the like, so a wide class is not reviewed later than what it covers would be decided. */
export function reviewRule(
  rules: readonly ApprovalRuleFacts[],
  taken: ApprovalFacts & { toolName: string | null },
): ApprovalRuleFacts {
  const toolNames = taken.toolName === null ? [] : [taken.toolName]
  return requestPolicy(rules, { ...taken, toolNames, tools: [], requesterId: '' }).rule
}

/** The classes that it reaches, the widest first. */
function reachedBy({ class: wanted, toolNames, tools }: PolicyFacts): { class: ToolClass; toolNames: string[] }[] {
  const classes = toolClasses.filter((each) => covers(wanted, each)).toReversed()
  if (toolNames.length === 0) return classes.map((each) => ({ class: each, toolNames: [] }))
  return classes
    .map((each) => ({
      class: each,
      toolNames: toolNames.filter((name) => classOf(name, { asked: wanted, tools }) === each),
    }))
    .filter((part) => part.toolNames.length > 0)
}

function strictestOf(parts: readonly PolicyPart[]): ApprovalRuleFacts | null {
  return parts.find((part) => parts.every((other) => part === other || asksAsMuch(part, other)))?.rule ?? null
}

/** The strictest rule that somebody wrote, and one of security for what no rule fits: besides its people, or as one of them, whom nobody then decides in the place of. */
function withSecurity(parts: readonly PolicyPart[]): ApprovalRuleFacts | null {
  const written = parts.filter(({ rule }) => rule.id !== null)
  const strictest = strictestOf(written)
  if (!strictest || written.length === parts.length) return null
  const kept = strictest.escalation && { ...strictest.escalation, mayDecide: false }
  const alone = { ...strictest, escalation: kept }
  if (strictestOf(parts.map((part) => (part.rule === strictest ? { ...part, rule: alone } : part))) === alone)
    return alone
  return { ...strictest, besides: defaultApprovalRule.steps }
}

/** Whether whoever approves the one could approve the other too, also when they were passed on. */
function asksAsMuch(part: PolicyPart, other: PolicyPart): boolean {
  return passings(part.rule, other.rule).every(([passedOn, otherPassedOn]) =>
    demandsAll(people(part, passedOn), people(other, otherPassedOn)),
  )
}

function people({ rule, class: toolClass, atOnce }: PolicyPart, passedOn: boolean): string[][] {
  return atOnce ? [] : asked(rule, toolClass, { atOnce: false, passedOn })
}
