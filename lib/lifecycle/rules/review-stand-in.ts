import type { Actor } from '#lib/auth/ctx.ts'
import { permissionsOf } from '#lib/auth/permissions.ts'
import { sharedRoles } from '#lib/delegation/rules.ts'

type Person = Extract<Actor, { kind: 'person' }>

/** For which agents somebody may answer in the place of somebody else. */
export type AnsweredFor = {
  /** Those that they are accountable for, if anything. */
  accountableId: string
  /** Teams of which they lead all agents. */
  ledTeamIds: string[]
  /** Of both, those of these teams only; null: of any. */
  withinTeamIds: readonly string[] | null
}

/**
 * For which agents a stand-in may answer in a review; null: for none. By the roles that both have: one that may ask for scopes, in a team that owns the agent, so that the
 * stand-in could give up its grants without it; and for what somebody leads, the lead of it.
 */
export function answeredFor({ delegate, absent }: { delegate: Person; absent: Person }): AnsweredFor | null {
  const shared = sharedRoles(absent, delegate)
  const permissions = permissionsOf(shared)
  if (!permissions.has('scopes:request')) return null
  return {
    accountableId: absent.id,
    ledTeamIds: shared.includes('team_lead') ? [...absent.teamIds] : [],
    withinTeamIds: permissions.has('agents:any_team') ? null : delegate.teamIds,
  }
}

export function answersInPlaceOf(
  agent: { accountablePersonId: string; ownerTeamId: string },
  who: { delegate: Person; absent: Person },
): boolean {
  const reach = answeredFor(who)
  if (!reach) return false
  const theirs = agent.accountablePersonId === reach.accountableId || reach.ledTeamIds.includes(agent.ownerTeamId)
  return theirs && (reach.withinTeamIds === null || reach.withinTeamIds.includes(agent.ownerTeamId))
}
