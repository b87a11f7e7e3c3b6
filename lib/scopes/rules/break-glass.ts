import { type Actor, can } from '#lib/auth/ctx.ts'
import { roleLabel, rolesWith } from '#lib/auth/permissions.ts'
import { ok, type Result } from '#lib/core/result.ts'
import { refuse } from '../rules.ts'
import type { ScopeRefusal } from '../schema.ts'

export type ReviewableBreakGlass = {
  openedById: string
  accountablePersonId: string
  verdict: string | null
}

/** Nobody reviews what they took themselves, nor for an agent they are accountable for; once reviewed it stays so. */
export function decideBreakGlassReview(review: ReviewableBreakGlass, personId: string): Result<null, ScopeRefusal> {
  if (review.verdict !== null) return refuse('scopes:already_reviewed', 'Someone else has reviewed it in the meantime.')
  if (review.openedById === personId) {
    return refuse('scopes:own_break_glass', 'You broke the glass, so somebody else reviews it.')
  }
  if (review.accountablePersonId === personId) {
    return refuse('scopes:own_agent', 'You are accountable for this agent, so somebody else reviews it.')
  }
  return ok(null)
}

/** Whether this person could review it, for the page: the permission first, then the same rule as the command. */
export function breakGlassReviewable(
  actor: Actor,
  review: ReviewableBreakGlass,
): { allowed: true } | { allowed: false; message: string } {
  if (!can(actor, 'scopes:approve') || actor.kind !== 'person') {
    const who = rolesWith('scopes:approve').map(roleLabel).join(', ')
    return { allowed: false, message: `Reviewing needs a role that may: ${who}.` }
  }
  const decision = decideBreakGlassReview(review, actor.id)
  return decision.ok ? { allowed: true } : { allowed: false, message: decision.error.message }
}
