import type { RuleChange } from './rule-change.ts'
import { limitsDraft, type LimitsDraft } from '#components/scopes/limits-fields.client.tsx'
import {
  type deciderRoles,
  type ExcludedDecider,
  type HoldRuleView,
  type TimeoutAction,
} from '#lib/guardrails/schema/held-calls.ts'

export type DeciderRole = (typeof deciderRoles)[number]
export type RuleDraft = {
  title: string
  serverId: string
  toolName: string
  class: string
  environment: string
  roles: DeciderRole[]
  excluded: ExcludedDecider[]
  minutes: string
  onTimeout: TimeoutAction
  limits: LimitsDraft
}

export const emptyDraft: RuleDraft = {
  title: '',
  serverId: '',
  toolName: '',
  class: 'write',
  environment: '',
  roles: ['team_lead', 'security'],
  excluded: ['starter', 'accountable'],
  minutes: '15',
  onTimeout: 'deny',
  limits: limitsDraft(),
}

/** The form as the rule is, with the change that is suggested. */
export function changedDraft(rule: HoldRuleView, { pointer, holdFrom, seconds }: RuleChange): RuleDraft {
  const kept = rule.conditions.filter((condition) => condition.pointer !== pointer || !('range' in condition))
  const added = pointer === undefined || holdFrom === undefined ? [] : [{ pointer, range: { min: holdFrom } }]
  return {
    title: rule.title,
    serverId: rule.serverId ?? '',
    toolName: rule.toolName ?? '',
    class: rule.class ?? '',
    environment: rule.environment ?? '',
    roles: rule.deciderRoles as DeciderRole[],
    excluded: [...rule.excludedDeciders],
    minutes: String((seconds ?? rule.decideSeconds) / 60),
    onTimeout: rule.onTimeout,
    limits: limitsDraft({ conditions: [...kept, ...added], rate: null }),
  }
}
