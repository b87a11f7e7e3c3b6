import { isPermission, roleLabel, rolesWith } from '#lib/auth/permissions.ts'
import { centralKeeper, type Rule, rules } from '../schema.ts'
import { otherRules } from '../schema/other-rules.ts'
import { personRules } from '../schema/person-rules.ts'
import { holdRuleEntry, isHoldRule } from './hold-words.ts'

/**
 * The entry of a rule id as it appears in refusals, audit rows and run logs. `permission:<name>` is explained from the roles, `stop:<scope>:<target>` as the kill
 * switch; what a central policy or a rule that holds calls says is kept with it (`explainStoredRule` looks there), so here these get general words; an id nobody knows (of a later or earlier release) still gets an honest entry, so a page never has to handle its absence.
 */
export function explainRule(id: string): Rule {
  if (isRuleId(id)) return { id, ...rules[id] }
  if (isPersonRule(id)) return { id, ...personRules[id]! }
  if (isRequestRule(id)) return { id, ...otherRules[id]! }
  if (isHoldRule(id)) return holdRuleEntry(id, null)
  if (id.startsWith('stop:')) return { id, ...rules.killed }
  const permission = id.startsWith('permission:') ? id.slice('permission:'.length) : ''
  if (isPermission(permission)) {
    const roles = rolesWith(permission)
    return {
      id,
      title: `Only with the permission ${permission}`,
      explanation: 'What a person may do comes with the roles of that person.',
      remedy: `Ask someone who has it: ${roles.map(roleLabel).join(', ')}.`,
      setBy: 'Platform',
      changedBy: { roles: ['platform_admin'], how: 'Give the person a role that has it.' },
    }
  }
  if (isCentralRule(id)) {
    return {
      id,
      title: titleOfId(id),
      explanation: 'A policy of the central policy set refuses it.',
      remedy: 'Read on its page what it says.',
      setBy: 'Platform (central policy)',
      changedBy: centralKeeper,
    }
  }
  return {
    id,
    title: id,
    explanation: 'This release does not know the rule; another one of the platform recorded it.',
    remedy: 'Ask the platform team.',
    setBy: 'Unknown',
    changedBy: { roles: ['platform_admin'], how: 'Ask the platform team.' },
  }
}

/** Whether it refuses people what they decide about others. */
export function isPersonRule(id: string): boolean {
  return Object.hasOwn(personRules, id)
}

/** Whether it refuses what people and apps send, as such. */
export function isRequestRule(id: string): boolean {
  return Object.hasOwn(otherRules, id)
}

export function isRuleId(id: string): id is keyof typeof rules {
  return Object.hasOwn(rules, id)
}

/** Whether it is the id of a policy of a central set, of whatever version. */
export function isCentralRule(id: string): boolean {
  return id.startsWith('policy_') && !isRuleId(id)
}

function titleOfId(id: string): string {
  const words = id.slice('policy_'.length).replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
