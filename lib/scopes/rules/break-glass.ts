import { type Actor, can } from '#lib/auth/ctx.ts'
import { roleLabel, rolesWith } from '#lib/auth/permissions.ts'
import { plural } from '#lib/core/count.ts'
import { ok, type Result } from '#lib/core/result.ts'
import { covers } from '#lib/registry/rules.ts'
import type { ToolClass } from '#lib/registry/schema.ts'
import { type Ownership, ownAs } from '#lib/registry/rules/past-owners.ts'
import { ownRule, refuse } from '../rules.ts'
import type { ScopeRefusal } from '../schema.ts'
import { breakGlassMinutesMax } from '../schema/break-glass.ts'
import { givesBack } from './taken-away.ts'

export type ReviewableBreakGlass = Ownership & {
  openedById: string
  verdict: string | null
}

/** Nobody reviews what they took themselves, nor for an agent that they are accountable for or that their team owns, or was a while ago; once reviewed it stays so. */
export function decideBreakGlassReview(
  review: ReviewableBreakGlass,
  person: { id: string; teamIds: readonly string[] },
): Result<null, ScopeRefusal> {
  if (review.verdict !== null) return refuse('scopes:already_reviewed', 'Someone else has reviewed it in the meantime.')
  if (review.openedById === person.id) {
    return refuse('scopes:own_break_glass', 'You broke the glass, so somebody else reviews it.')
  }
  const own = ownAs(person, review)
  return own ? refuse(ownRule[own.by], `${own.words}, so somebody else reviews it.`) : ok(null)
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
  const decision = decideBreakGlassReview(review, actor)
  return decision.ok ? { allowed: true } : { allowed: false, message: decision.error.message }
}

/** A break-glass grant of the agent on the server that nobody has reviewed. */
export type UnreviewedBreakGlass = {
  class: ToolClass
  toolName: string | null
  openedById: string
  openedAt: Date
  /** When it ended or will end. */
  endsAt: Date
}

const minuteMs = 60_000
/** What somebody else took longer ago was another emergency. */
const sameEmergencyMs = 24 * 60 * minuteMs

/**
 * An emergency is bounded once, not again and again: nobody renews what they took before somebody else has reviewed it, and what overlaps, taken by whomever within a day, lasts
 * no longer in all than one that is taken at once. More than one had is no renewal, but counts.
 */
export function decideRenewal(
  earlier: readonly UnreviewedBreakGlass[],
  wanted: { class: ToolClass; toolName: string | null; minutes: number; personId: string; now: Date },
): Result<null, ScopeRefusal> {
  const reviewers = rolesWith('scopes:approve').map(roleLabel).join(', ')
  const next = `Have it reviewed first (${reviewers}), or ask for the scope in the usual way.`
  const overlapping = earlier.filter((each) => givesBack(wanted, each))
  const own = overlapping.filter(({ openedById }) => openedById === wanted.personId)
  if (own.some((each) => covers(each.class, wanted.class) && (each.toolName === null || wanted.toolName !== null))) {
    return refuse(
      'scopes:break_glass_unreviewed',
      `You broke the glass for this before, and nobody has reviewed it. ${next}`,
    )
  }
  const counted = overlapping.filter(
    ({ openedById, openedAt }) =>
      openedById === wanted.personId || openedAt.getTime() > wanted.now.getTime() - sameEmergencyMs,
  )
  const taken = counted.reduce((sum, { openedAt, endsAt }) => sum + endsAt.getTime() - openedAt.getTime(), 0)
  const left = Math.max(0, Math.floor(breakGlassMinutesMax - taken / minuteMs))
  if (wanted.minutes <= left) return ok(null)
  const message = `Without a review an emergency lasts ${breakGlassMinutesMax} minutes in all, so ${plural(left, 'minute')} ${left === 1 ? 'is' : 'are'} left. ${next}`
  return refuse('scopes:break_glass_unreviewed', message)
}
