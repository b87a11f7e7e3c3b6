import { type Actor, can } from '#lib/auth/ctx.ts'
import { roleLabel, rolesWith } from '#lib/auth/permissions.ts'

/**
 * Why somebody may not say another tier of an agent, a higher one as little as a lower one: rules of approval, of the policy and of held calls may fit either. Null: they may. The
 * permission first, then that it is not their own agent, nor was a while ago (`past`): it would be enough to give it away for a moment.
 */
export function tierProblem(
  actor: Actor,
  agent: { ownerTeamId: string; accountablePersonId: string },
  past: { ownerTeamIds: readonly string[]; accountablePersonIds: readonly string[] },
): { rule: string; message: string } | null {
  if (!can(actor, 'agents:classify')) {
    const who = rolesWith('agents:classify').map(roleLabel).join(', ')
    const message = `Which rules hold for an agent goes by its tier, so the team that owns it does not change it. Ask: ${who}.`
    return { rule: 'permission:agents:classify', message }
  }
  if (actor.kind !== 'person') return null
  if (actor.id === agent.accountablePersonId) {
    return {
      rule: 'lifecycle:own_tier',
      message: 'You are accountable for this agent, so somebody else changes its tier.',
    }
  }
  if (actor.teamIds.includes(agent.ownerTeamId)) {
    return { rule: 'lifecycle:own_tier', message: 'Your team owns this agent, so somebody else changes its tier.' }
  }
  if (
    !past.accountablePersonIds.includes(actor.id) &&
    !past.ownerTeamIds.some((teamId) => actor.teamIds.includes(teamId))
  ) {
    return null
  }
  const message = 'It was your agent, or your team’s, within the last 30 days, so somebody else changes its tier.'
  return { rule: 'lifecycle:own_tier', message }
}
