import { type Actor, can } from '#lib/auth/ctx.ts'
import { type Permission, roleLabel, rolesWith } from '#lib/auth/permissions.ts'
import { mayActForTeam } from '#lib/registry/rules.ts'
import { mayTakeBack } from '#lib/scopes/rules/give-up.ts'

/** Why the actor may not do it, and who can: the text of a disabled control. Null: they may. */
export function whyNot(actor: Actor, permission: Permission, team?: { id: string; name: string }): string | null {
  if (!can(actor, permission))
    return `Your roles do not include this. It comes with: ${rolesWith(permission).map(roleLabel).join(', ')}.`
  if (team && !mayActForTeam(actor, team.id)) return `Only members of ${team.name} may do this to its agents.`
  return null
}

type Owned = { owner: { id: string; name: string }; accountable: { id: string } }

/** Why the actor may not revoke or narrow what this agent holds, as the commands would say. Null: they may. */
export function whyNotTakeBack(actor: Actor, { owner, accountable }: Owned): string | null {
  if (mayTakeBack(actor, { ownerTeamId: owner.id, accountablePersonId: accountable.id })) return null
  const roles = rolesWith('grants:revoke').map(roleLabel).join(', ')
  return `Only ${owner.name}, whoever is accountable for the agent, and these roles may: ${roles}.`
}
