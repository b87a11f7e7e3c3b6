import { authorize, can, type Ctx, reader } from '#lib/auth/ctx.ts'
import { standsInFor } from '#lib/delegation/queries.ts'
import type { WaitingReview } from '../schema/reviews.ts'
import { agentsAnsweredFor } from './answered-agents.ts'
import { answerable } from './answerable.ts'

/** Open campaigns in which something waits for the reader's answer, the one that is due first at the top. Needs `agents:read`. */
export async function listWaitingReviews(ctx: Ctx): Promise<WaitingReview[]> {
  authorize(ctx, 'agents:read')
  if (ctx.actor.kind !== 'person') return []
  // Who is accountable and may not ask for scopes does not answer either.
  if (!can(ctx.actor, 'scopes:request') && !can(ctx.actor, 'reviews:manage')) return []
  const absences = await standsInFor(ctx, ctx.actor.id)
  const counts = await reader(ctx).reviewItem.groupBy({
    by: ['campaignId'],
    where: {
      ...answerable(ctx.now),
      campaign: { endedAt: null },
      agent: agentsAnsweredFor(ctx.actor, absences),
    },
    _count: true,
  })
  const answers = new Map(counts.map(({ campaignId, _count }) => [campaignId, _count]))
  const campaigns = await reader(ctx).reviewCampaign.findMany({
    where: { id: { in: [...answers.keys()] } },
    orderBy: [{ dueAt: 'asc' }, { id: 'asc' }],
    select: { id: true, title: true, dueAt: true },
  })
  return campaigns.map(({ id, title, dueAt }) => ({
    campaign: { id, title, dueAt: dueAt.toISOString() },
    answers: answers.get(id) ?? 0,
  }))
}
