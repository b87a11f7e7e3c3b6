/** So long whoever an agent belonged to still counts as one whom it belongs to. */
export const pastOwnersDays = 30
/** For the texts of refusals. */
export const lately = `within the last ${pastOwnersDays} days`

/** Whom an agent belonged to a while ago and does not belong to any more, or does again. */
export type PastOwners = { ownerTeamIds: readonly string[]; accountablePersonIds: readonly string[] }

export const noPastOwners: PastOwners = { ownerTeamIds: [], accountablePersonIds: [] }

/** Whom an agent belongs to, and whom it belonged to a while ago: it would be enough to give it away for a moment to decide for it. */
export type Ownership = { accountablePersonId: string; ownerTeamId: string; past: PastOwners }

/** How an agent is somebody's own, in the words of whoever refuses for it; null: it is not, nor was it a while ago. */
export function ownAs(
  person: { id: string; teamIds: readonly string[] },
  agent: Ownership,
): { by: 'accountable' | 'team'; words: string } | null {
  if (agent.accountablePersonId === person.id) {
    return { by: 'accountable', words: 'You are accountable for this agent' }
  }
  if (person.teamIds.includes(agent.ownerTeamId)) return { by: 'team', words: 'Your team owns this agent' }
  if (agent.past.accountablePersonIds.includes(person.id)) {
    return { by: 'accountable', words: `You were accountable for this agent ${lately}` }
  }
  if (!agent.past.ownerTeamIds.some((teamId) => person.teamIds.includes(teamId))) return null
  return { by: 'team', words: `Your team owned this agent ${lately}` }
}
