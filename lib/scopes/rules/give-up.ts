import { type Actor, can } from '#lib/auth/ctx.ts'
import { mayActForTeam } from '#lib/registry/rules.ts'

/** What an agent does not need, whoever may revoke takes away; besides them its own team, and whoever is accountable for it, may give it up. */
export function mayTakeBack(
  actor: Actor,
  { ownerTeamId, accountablePersonId }: { ownerTeamId: string; accountablePersonId: string },
): boolean {
  if (can(actor, 'grants:revoke')) return true
  if (!can(actor, 'scopes:request')) return false
  return mayActForTeam(actor, ownerTeamId) || (actor.kind === 'person' && actor.id === accountablePersonId)
}
