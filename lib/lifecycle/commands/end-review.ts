import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { Tx } from '#lib/db/client.ts'
import { agentSubject } from '#lib/registry/commands.ts'
import { atEndOf, hasEnded, nothingKept, remindsNow } from '../rules/reviews.ts'
import type { EndReviewInput, ReviewDecision, ReviewRefusal } from '../schema/reviews.ts'
import { answerable } from '../queries/answerable.ts'
import { evidenceIn } from '../queries/evidence.ts'
import { usageToday } from '../queries/usage-today.ts'
import { lockReviewItem, settle } from './decide-review.ts'

type TxCtx = Ctx & { tx: Tx }

/**
 * Ends a campaign before its time: what nobody answered becomes what the campaign says. Needs `reviews:manage`; throws `not_found`. Of two who end it at once, the second is
 * told.
 */
export async function endReview(
  ctx: Ctx,
  { campaignId }: EndReviewInput,
): Promise<Result<{ unanswered: number }, ReviewRefusal>> {
  authorize(ctx, 'reviews:manage')
  const found = await ctx.db.reviewCampaign.findUnique({ where: { id: campaignId }, select: { endedAt: true } })
  if (!found) throw new DomainError('not_found', 'There is no such campaign.')
  // What the caller has read is compared once; from then on the campaign changes with every item.
  await inTx(ctx, () => Promise.resolve())
  const { precondition: _, ...rest } = ctx
  return await finish(rest, { campaignId, early: true })
}

/**
 * Ends campaigns whose time is over and reminds those who have not answered in the others. For the worker, as often as it likes; several may run at once. Returns how many
 * ended and how many agents somebody was reminded of. One that fails keeps no other from its end; the failures are thrown when all have had their turn.
 */
export async function watchReviews(ctx: Ctx): Promise<{ ended: number; reminded: number }> {
  if (ctx.actor.kind !== 'system') throw new DomainError('forbidden', 'Only processes of the platform do this.')
  const open = await ctx.db.reviewCampaign.findMany({ where: { endedAt: null }, orderBy: { dueAt: 'asc' } })
  const counts = { ended: 0, reminded: 0 }
  await eachInTurn(open, async (campaign) => {
    if (campaign.dueAt <= ctx.now) {
      const done = await finish(ctx, { campaignId: campaign.id, early: false })
      counts.ended += done.ok ? 1 : 0
    } else if (remindsNow(campaign, ctx.now)) {
      counts.reminded += await inTx(ctx, (tx, ctx) => remind({ ...ctx, tx }, campaign.id))
    }
  })
  return counts
}

/** What fails for one is tried again with the next run; the others have had their turn by then. */
async function eachInTurn<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const failures: unknown[] = []
  for (const one of all) {
    try {
      await work(one)
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length === 1) throw failures[0]
  if (failures.length > 1) throw new AggregateError(failures, `${failures.length} of ${all.length} failed.`)
}

/** Each item in a transaction of its own, so that a large campaign locks no agent for long; the campaign ends when none is left. */
async function finish(
  ctx: Ctx,
  { campaignId, early }: { campaignId: string; early: boolean },
): Promise<Result<{ unanswered: number }, ReviewRefusal>> {
  const open = await ctx.db.reviewItem.findMany({
    where: { campaignId, decision: null, how: null, campaign: { endedAt: null } },
    orderBy: [{ agentId: 'asc' }, { id: 'asc' }],
    select: { id: true },
  })
  await eachInTurn(open, ({ id }) =>
    inTx(ctx, (tx, ctx) => settleUnanswered({ ...ctx, tx }, { campaignId, itemId: id })),
  )
  return await inTx(ctx, async (tx, ctx) => {
    const { count } = await tx.reviewCampaign.updateMany({
      where: { id: campaignId, endedAt: null },
      data: { endedAt: ctx.now, endedById: ctx.actor.kind === 'person' ? ctx.actor.id : null },
    })
    if (count === 0) return err({ rule: 'reviews:ended', message: 'The campaign has ended already.' })
    const { title } = await tx.reviewCampaign.findUniqueOrThrow({ where: { id: campaignId }, select: { title: true } })
    const items = await tx.reviewItem.findMany({ where: { campaignId }, select: { decision: true, how: true } })
    const decided = (decision: ReviewDecision) => items.filter((item) => item.decision === decision).length
    const unanswered = items.filter(({ how }) => how === 'end').length
    recordAudit(tx, ctx, {
      event: 'review.ended',
      subject: { kind: 'review_campaign', id: campaignId, name: title },
      detail: {
        campaignId,
        kept: decided('keep'),
        narrowed: decided('narrow'),
        revoked: decided('revoke'),
        unanswered,
        early,
      },
    })
    return ok({ unanswered })
  })
}

async function settleUnanswered(ctx: TxCtx, which: { campaignId: string; itemId: string }): Promise<void> {
  const { agent, item } = await lockReviewItem(ctx.tx, which)
  if (item.decision !== null || item.how !== null || item.campaign.endedAt !== null) return
  // Nothing is left to decide about what ended by itself or was ended elsewhere.
  if (hasEnded(item.grant, ctx.now) || agent.status === 'retired') {
    await ctx.tx.reviewItem.update({ where: { id: item.id }, data: { how: 'gone', decidedAt: ctx.now } })
    return
  }
  const { atEnd } = await ctx.tx.reviewCampaign.findUniqueOrThrow({
    where: { id: which.campaignId },
    select: { atEnd: true },
  })
  const today = await usageToday(ctx, { agentIds: [agent.id], campaign: item.campaign })
  const end = atEndOf({ evidence: evidenceIn(item), today: today.get(item.grantId) }, atEnd)
  const refusal = await settle(ctx, { item, agent, ...end, how: 'end' })
  if (!refusal) return
  const reason = `Nobody answered in time; it stays as it is: ${refusal.message}`
  await settle(ctx, { item, agent, decision: 'keep', kept: nothingKept, reason, how: 'end' })
}

/** Tells of every agent that has something unanswered, once for each reminder. */
async function remind(ctx: TxCtx, campaignId: string): Promise<number> {
  await ctx.tx.$queryRaw`select 1 from "ReviewCampaign" where "id" = ${campaignId}::uuid for update`
  const campaign = await ctx.tx.reviewCampaign.findUniqueOrThrow({ where: { id: campaignId } })
  if (campaign.endedAt !== null || !remindsNow(campaign, ctx.now)) return 0
  await ctx.tx.reviewCampaign.update({ where: { id: campaignId }, data: { remindedAt: ctx.now } })
  const waiting = await ctx.tx.reviewItem.groupBy({
    by: ['agentId'],
    where: { campaignId, ...answerable(ctx.now) },
    _count: true,
  })
  const agents = await ctx.tx.agent.findMany({
    where: { id: { in: waiting.map(({ agentId }) => agentId) }, status: { not: 'retired' } },
    select: { id: true, name: true, ownerTeam: { select: { id: true } } },
  })
  for (const agent of agents) {
    const grants = waiting.find(({ agentId }) => agentId === agent.id)?._count ?? 0
    const detail = { campaignId, title: campaign.title, grants, dueAt: campaign.dueAt.toISOString(), reminder: true }
    recordAudit(ctx.tx, ctx, { event: 'review.asked', ...agentSubject(agent), detail })
  }
  return agents.length
}
