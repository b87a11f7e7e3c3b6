import { plural } from '#lib/core/count.ts'
import type { ApprovalRuleFacts } from './approval-policy.ts'
import type { PolicyPart } from './request-policy.ts'

/** Why this rule decides about all that is reached, in words; null where one rule holds for all of it. */
export function policyWords(
  parts: readonly PolicyPart[],
  { rule, daysMax }: { rule: ApprovalRuleFacts; daysMax: number | null },
): string | null {
  if (new Set(parts.map((part) => part.rule.id)).size === 1) return null
  const reached = parts.map((part) => `${reachOf(part)}, where ${ruleOf(part.rule)}`)
  const days = daysMax !== null && daysMax !== rule.daysMax ? ` It lasts ${plural(daysMax, 'day')} at most.` : ''
  return `It reaches ${reached.join(', and ')}: ${whoDecides(parts, rule)}.${days}`
}

function whoDecides(parts: readonly PolicyPart[], rule: ApprovalRuleFacts): string {
  if (rule.besides) return `those of “${rule.title}” decide, and one of security besides`
  const strictest = `the strictest of these decides, ${rule.id === null ? 'one of security' : `“${rule.title}”`}`
  const original = parts.find((part) => part.rule.id === rule.id)?.rule.escalation?.mayDecide ?? false
  const withheld = original && rule.escalation?.mayDecide === false
  return withheld ? `${strictest}, and whoever it is passed on to only hears of it` : strictest
}

function reachOf({ class: toolClass, toolNames }: PolicyPart): string {
  return toolNames.length === 0 ? toolClass : `${toolNames.join(', ')} (${toolClass})`
}

function ruleOf({ id, title }: ApprovalRuleFacts): string {
  return id === null ? 'no rule fits and one of security is asked' : `“${title}” holds`
}
