import { type ApprovalFacts, approvalRuleFor, type ApprovalRuleFacts, approvesAtOnce } from './approval-policy.ts'

/** `asks`: by which rule a person is asked all the same. Otherwise for how many days at most it is granted, and by which rule; null: as the template has it. */
export type PreApproval = { asks: string } | { asks: null; daysMax: number | null; rule: string | null }

/**
 * What the approval policy leaves of a template's pre-approval: all of it where no rule fits; where one does, only what that rule approves by itself, for as long as it says. So no template
 * goes around a rule that somebody set.
 */
export function preApprovalOf(
  rules: readonly ApprovalRuleFacts[],
  facts: ApprovalFacts & { toolNames: readonly string[]; requesterId: string },
): PreApproval {
  const rule = approvalRuleFor(rules, facts)
  if (rule.id === null) return { asks: null, daysMax: null, rule: null }
  if (!approvesAtOnce(rule, { ...facts, takenAway: false })) return { asks: rule.title }
  return { asks: null, daysMax: rule.daysMax, rule: rule.title }
}

/** When a scope ends that may last so many days: what ends before that stays. */
export function cappedEnd<Scope extends { days: number | null; until?: string | undefined }>(
  scope: Scope,
  { daysMax, now }: { daysMax: number | null; now: Date },
): Scope {
  if (daysMax === null) return scope
  if (scope.until === undefined) return { ...scope, days: Math.min(scope.days ?? daysMax, daysMax) }
  const latest = now.getTime() + daysMax * 86_400_000
  return Date.parse(scope.until) <= latest ? scope : { ...scope, until: undefined, days: daysMax }
}
