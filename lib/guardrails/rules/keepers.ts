import { permissionsOf } from '#lib/auth/permissions.ts'
import { mayActForTeam } from '#lib/registry/rules.ts'
import { type Ownership, ownAs } from '#lib/registry/rules/past-owners.ts'
import type { Rule } from '../schema.ts'

export type Keeper = { id: string; name: string; roles: readonly string[]; teamIds: readonly string[] }

/**
 * Whether a person can change what a rule says about an agent: by a role, for teams that the role reaches, and what is granted not for an agent that they are
 * accountable for or that their team owns, or was a while ago.
 */
export function keepsRule(
  { id, changedBy }: Pick<Rule, 'id' | 'changedBy'>,
  person: Keeper,
  agent: Ownership | null,
): boolean {
  if (!changedBy.roles.some((role) => person.roles.includes(role))) return false
  if (!agent) return true
  if (id.startsWith('grant_')) {
    return ownAs(person, agent) === null
  }
  // What teams may change of their own agents.
  if (!changedBy.roles.includes('team_lead')) return true
  const permissions = permissionsOf(person.roles)
  return mayActForTeam({ kind: 'person', ...person, email: '', permissions }, agent.ownerTeamId)
}
