import type { Environment, Sensitivity, Tier, ToolClass } from '#lib/registry/schema.ts'
import { roleLabel } from '#lib/auth/permissions.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { ScopeRefusal } from '../schema.ts'
import { type ApproverRole, type Escalation, remindPercentDefault } from '../schema/approval-policy.ts'
import { wholeServerCovers } from './besides-tools.ts'
import { partsOf } from './named-tools.ts'

/** What a rule is asked about. */
export type ApprovalFacts = {
  environment: Environment
  class: ToolClass
  sensitivity: Sensitivity
  tier: Tier
  /** Of the server. */
  dataClasses: readonly string[]
}

export type ApprovalRuleFacts = {
  id: string | null
  createdById: string | null
  title: string
  environments: readonly string[]
  classes: readonly string[]
  sensitivities: readonly string[]
  tiers: readonly string[]
  dataClasses: readonly string[]
  steps: readonly (readonly ApproverRole[])[]
  inOrder: boolean
  daysMax: number | null
  dueHours: number
  remindPercent: number
  escalation: Escalation | null
  /** Asked for as well, because another rule holds for a part of the request; whoever this rule passes on to decides none of these. */
  besides?: readonly (readonly ApproverRole[])[]
}

/** What holds where no rule fits: one person of security, within a day. */
export const defaultApprovalRule: ApprovalRuleFacts = {
  id: null,
  createdById: null,
  title: 'Everything else',
  environments: [],
  classes: [],
  sensitivities: [],
  tiers: [],
  dataClasses: [],
  steps: [['security']],
  inOrder: false,
  daysMax: null,
  dueHours: 24,
  remindPercent: remindPercentDefault,
  escalation: null,
}

/** The first rule that fits; they come in the order of the policy. */
export function approvalRuleFor(rules: readonly ApprovalRuleFacts[], facts: ApprovalFacts): ApprovalRuleFacts {
  const fits = (values: readonly string[], value: string) => values.length === 0 || values.includes(value)
  return (
    rules.find(
      (rule) =>
        fits(rule.environments, facts.environment) &&
        fits(rule.classes, facts.class) &&
        fits(rule.sensitivities, facts.sensitivity) &&
        fits(rule.tiers, facts.tier) &&
        (rule.dataClasses.length === 0 || rule.dataClasses.some((each) => facts.dataClasses.includes(each))),
    ) ?? defaultApprovalRule
  )
}

/** How often a request was passed on, and under which rule that was. */
export type CountedEscalations = { escalations: number; escalationRuleId: string | null }

/** What was passed on under another rule does not count: the times of this one hold. */
export function escalationsUnder(rule: ApprovalRuleFacts, counted: CountedEscalations): number {
  return counted.escalationRuleId === rule.id ? counted.escalations : 0
}

/** The rule as it holds for a request that was passed on: whoever it was passed on to may decide in the place of those who are asked, if the rule says so. */
export function escalated<Rule extends ApprovalRuleFacts>(
  rule: Rule,
  counted: CountedEscalations,
): Rule & { alsoTeamId?: string } {
  const next = rule.escalation
  if (escalationsUnder(rule, counted) === 0 || !next?.mayDecide) return rule
  const steps = ownSteps(rule).map((roles) => [...new Set([...roles, ...next.roles])])
  return { ...rule, steps, ...(next.teamId === null ? {} : { alsoTeamId: next.teamId }) }
}

/** The step that is due to be passed on now, from 1 on; null: none, or none yet. */
export function escalationDue(
  rule: ApprovalRuleFacts,
  { dueAt, now, ...counted }: { dueAt: Date; now: Date } & CountedEscalations,
): number | null {
  const next = rule.escalation
  const escalations = escalationsUnder(rule, counted)
  if (!next || escalations >= next.times) return null
  const at = dueAt.getTime() + next.afterHours * (escalations + 1) * 3_600_000
  return at <= now.getTime() ? escalations + 1 : null
}

/**
 * Whether the policy approves by itself, whatever a rule says: never what is destructive, nor what a server may ask an agent for, nor what was taken away before, nor what
 * its own author asks for, or one person alone could give it.
 */
export function approvesAtOnce(
  rule: ApprovalRuleFacts,
  {
    class: toolClass,
    toolNames,
    requesterId,
    takenAway,
  }: ApprovalFacts & { toolNames: readonly string[]; requesterId: string; takenAway: boolean },
): boolean {
  if (takenAway) return false
  if (rule.id === null || rule.steps.length > 0 || rule.createdById === requesterId) return false
  return toolClass !== 'destructive' && partsOf(toolNames).every(wholeServerCovers)
}

/** By whom, and in whose place. */
export type GivenApproval = { step: number; personId: string; forPersonId?: string | null }

/** The steps that are asked for now, by their index. */
export function openSteps(rule: ApprovalRuleFacts, given: readonly GivenApproval[]): number[] {
  const open = stepsOf(rule).flatMap((_, index) => (given.some(({ step }) => step === index) ? [] : [index]))
  return rule.inOrder ? open.slice(0, 1) : open
}

/** A rule without steps asks nobody, so what it may not approve by itself is asked of security. */
export function stepsOf(rule: ApprovalRuleFacts): readonly (readonly ApproverRole[])[] {
  return [...ownSteps(rule), ...(rule.besides ?? [])]
}

function ownSteps(rule: ApprovalRuleFacts): readonly (readonly ApproverRole[])[] {
  return rule.steps.length > 0 ? rule.steps : defaultApprovalRule.steps
}

/** Which open step a person approves: nobody approves two, and everybody only what asks for a role of theirs. */
export function stepFor(
  rule: ApprovalRuleFacts & { alsoTeamId?: string },
  given: readonly GivenApproval[],
  person: { id: string; roles: readonly string[]; teamIds?: readonly string[] },
): Result<number, ScopeRefusal> {
  if (given.some(({ personId, forPersonId }) => personId === person.id || forPersonId === person.id)) {
    const message = 'You have approved it already; somebody else is asked as well.'
    return err({ rule: 'scopes:approved_already', message })
  }
  const steps = stepsOf(rule)
  const { alsoTeamId } = rule
  const ofTeam = alsoTeamId !== undefined && person.roles.length > 0 && (person.teamIds?.includes(alsoTeamId) ?? false)
  const step = openSteps(rule, given).find(
    (index) => (ofTeam && index < ownSteps(rule).length) || steps[index]!.some((role) => person.roles.includes(role)),
  )
  if (step !== undefined) return ok(step)
  const asked = openSteps(rule, given).map((index) => steps[index]!.map(roleLabel).join(' or '))
  return err({ rule: 'scopes:not_asked', message: `“${rule.title}” asks ${asked.join(' and ')} for this approval.` })
}
