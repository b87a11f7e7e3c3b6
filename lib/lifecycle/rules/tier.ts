import { type Actor, can } from '#lib/auth/ctx.ts'
import { roleLabel, rolesWith } from '#lib/auth/permissions.ts'
import { type Ownership, ownAs } from '#lib/registry/rules/past-owners.ts'

/**
 * Why somebody may not say another tier of an agent, a higher one as little as a lower one: rules of approval, of the policy and of held calls may fit either. Null: they may. The
 * permission first, then that it is not their own agent, nor was a while ago.
 */
export function tierProblem(actor: Actor, agent: Ownership): { rule: string; message: string } | null {
  if (!can(actor, 'agents:classify')) {
    const who = rolesWith('agents:classify').map(roleLabel).join(', ')
    const message = `Which rules hold for an agent goes by its tier, so the team that owns it does not change it. Ask: ${who}.`
    return { rule: 'permission:agents:classify', message }
  }
  const own = actor.kind === 'person' ? ownAs(actor, agent) : null
  return own && { rule: 'lifecycle:own_tier', message: `${own.words}, so somebody else changes its tier.` }
}
