import { dataClasses, environments, sensitivities, tiers, type ToolClass, toolClasses } from '#lib/registry/schema.ts'
import { type ApprovalFacts, type ApprovalRuleFacts, approvalRuleFor, stepsOf } from './approval-policy.ts'

/**
 * What could be approved more easily under other rules: by fewer people, by people who could not before, by some of them without others, or for longer. Null: nothing, whatever
 * is asked for. Looks at every kind of request there is, so it cannot be got around by a rule beside or before another.
 */
export function easierUnder(
  after: readonly ApprovalRuleFacts[],
  before: readonly ApprovalRuleFacts[],
): ApprovalFacts | null {
  for (const facts of everyKindOfRequest()) {
    if (isEasier(approvalRuleFor(after, facts), approvalRuleFor(before, facts), facts)) return facts
  }
  return null
}

function isEasier(after: ApprovalRuleFacts, before: ApprovalRuleFacts, facts: ApprovalFacts): boolean {
  if (after === before) return false
  // Where no rule fits, templates pre-approve reading: nobody is asked, and for as long as they say.
  if (after.id === null && before.id !== null && facts.class === 'read') return true
  if (before.daysMax !== null && (after.daysMax === null || after.daysMax > before.daysMax)) return true
  const { class: toolClass } = facts
  return situations(after, before).some(([then, now]) => {
    return !demandsAll(asked(after, toolClass, then), asked(before, toolClass, now))
  })
}

/** How a rule is met: whether it approves at once what it may, and whether the request was passed on. */
type Situation = { atOnce: boolean; passedOn: boolean }

/** Pairs of how one and the same request may meet the one rule and the other. */
function situations(after: ApprovalRuleFacts, before: ApprovalRuleFacts): [Situation, Situation][] {
  // Some requests no rule approves at once, whatever it says: of those it is who is asked then that counts. Among them are its author's, which another author's rule may approve.
  const atOnce = [
    [true, true],
    [false, false],
    ...(before.createdById !== null && before.createdById !== after.createdById ? [[true, false]] : []),
  ]
  return atOnce.flatMap(([then = false, now = false]) =>
    passings(after, before).map(([thenPassed, nowPassed]): [Situation, Situation] => [
      { atOnce: then, passedOn: thenPassed },
      { atOnce: now, passedOn: nowPassed },
    ]),
  )
}

/** Whether the one and the other were passed on: as they hold at first, when they were, and in the time in which the one passes on what the other does not yet. */
export function passings(after: ApprovalRuleFacts, before: ApprovalRuleFacts): [boolean, boolean][] {
  return [
    [false, false],
    [true, true],
    ...(passesOnEarlier(after, before) ? [[true, false] as [boolean, boolean]] : []),
  ]
}

/** What waits keeps the time that it was given until that is computed anew, so less time after that is earlier, too. */
function passesOnEarlier(after: ApprovalRuleFacts, before: ApprovalRuleFacts): boolean {
  if (!after.escalation?.mayDecide) return false
  if (!before.escalation?.mayDecide) return true
  const [hours, hoursBefore] = [after.escalation.afterHours, before.escalation.afterHours]
  return hours < hoursBefore || after.dueHours + hours < before.dueHours + hoursBefore
}

/** For each person who is asked, what makes one such: a role, or a team that it was passed on to. */
export function asked(rule: ApprovalRuleFacts, toolClass: ToolClass, { atOnce, passedOn }: Situation): string[][] {
  if (atOnce && rule.id !== null && rule.steps.length === 0 && toolClass !== 'destructive') return []
  const next = passedOn && rule.escalation?.mayDecide ? rule.escalation : null
  const more = next ? [...next.roles, ...(next.teamId === null ? [] : [`team ${next.teamId}`])] : []
  return stepsOf(rule).map((roles) => [...roles, ...more])
}

/** Whether whoever satisfies the one satisfies the other too: each person of the other is one of the first, by another step. */
export function demandsAll(steps: readonly string[][], others: readonly string[][]): boolean {
  const [other, ...rest] = others
  if (!other) return true
  return steps.some(
    (roles, at) => roles.every((role) => other.includes(role)) && demandsAll(steps.toSpliced(at, 1), rest),
  )
}

function* everyKindOfRequest(): Generator<ApprovalFacts> {
  const kinds = setsOf(dataClasses)
  for (const environment of environments)
    for (const toolClass of toolClasses)
      for (const sensitivity of sensitivities)
        for (const tier of tiers)
          for (const each of kinds) yield { environment, class: toolClass, sensitivity, tier, dataClasses: each }
}

/** A rule of kinds of data fits a server with any of them, so servers with several count. */
function setsOf(words: readonly string[]): string[][] {
  const [word, ...rest] = words
  if (word === undefined) return [[]]
  const sets = setsOf(rest)
  return [...sets, ...sets.map((set) => [word, ...set])]
}
