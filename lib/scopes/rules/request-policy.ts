import { covers } from '#lib/registry/rules.ts'
import { type ToolClass, toolClasses } from '#lib/registry/schema.ts'
import { type ApprovalFacts, type ApprovalRuleFacts, approvalRuleFor, approvesAtOnce } from './approval-policy.ts'
import { asked, demandsAll, passings } from './easier.ts'
import { classOf } from './named-tools.ts'

/** What is asked for, as the approval policy goes by it. `tools`: of the server, as they are now, of those that are named. */
export type PolicyFacts = ApprovalFacts & {
  toolNames: readonly string[]
  requesterId: string
  tools: readonly { name: string; class: ToolClass }[]
}

/** `apart`: why nobody can approve it as one, because rules ask different people about its parts. */
export type RequestRule = ApprovalRuleFacts & { apart?: string }

/** A class that is reached, by which tools, and what the policy says of that alone. `freely`: it asks for nobody that another rule does not. */
type Part = { class: ToolClass; toolNames: string[]; rule: ApprovalRuleFacts; atOnce: boolean; freely: boolean }

/**
 * The rule that a request is decided by, and whether all of it is approved at once. Of tools that are named it is the strictest rule of the classes that they have, otherwise of the class and each one that it covers, for no more days than
 * any of these says: so nothing is had more easily beside something else, or as part of a wider class, than alone. Where no rule fits a class that is covered, a person decides, and whoever decides about the wider class will do.
 */
export function requestPolicy(
  rules: readonly ApprovalRuleFacts[],
  request: PolicyFacts,
): { rule: RequestRule; atOnce: boolean } {
  const parts = reachedBy(request).map(({ class: toolClass, toolNames }): Part => {
    const facts = { ...request, class: toolClass, toolNames, takenAway: false }
    const rule = approvalRuleFor(rules, facts)
    const atOnce = approvesAtOnce(rule, facts)
    const covered = request.toolNames.length === 0 && toolClass !== request.class
    return { class: toolClass, toolNames, rule, atOnce, freely: atOnce || (covered && rule.id === null) }
  })
  const days = parts.flatMap(({ rule }) => (rule.daysMax === null ? [] : [rule.daysMax]))
  const daysMax = days.length === 0 ? null : Math.min(...days)
  const strictest = parts.find((part) => parts.every((other) => part === other || asksAsMuch(part, other)))
  if (strictest) return { rule: { ...strictest.rule, daysMax }, atOnce: parts.every(({ atOnce }) => atOnce) }
  const [widest, ...rest] = parts as [Part, ...Part[]]
  const other = rest.find((part) => !asksAsMuch(widest, part)) ?? widest
  const apart =
    request.toolNames.length === 0
      ? `${widest.class} covers ${other.class}, of which “${other.rule.title}” asks others than “${widest.rule.title}”: ask for tools by name, ${widest.class} and ${other.class} apart.`
      : `${other.toolNames.join(', ')}: for ${other.class} “${other.rule.title}” asks others than “${widest.rule.title}” does for ${widest.toolNames.join(', ')}: ask for it separately.`
  return { rule: { ...widest.rule, daysMax, apart }, atOnce: false }
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

/** Whether whoever approves the one could approve the other too, also when they were passed on. */
function asksAsMuch(part: Part, other: Part): boolean {
  return passings(part.rule, other.rule).every(([passedOn, otherPassedOn]) =>
    demandsAll(people(part, passedOn), people(other, otherPassedOn)),
  )
}

function people({ rule, class: toolClass, freely }: Part, passedOn: boolean): string[][] {
  return freely ? [] : asked(rule, toolClass, { atOnce: false, passedOn })
}
