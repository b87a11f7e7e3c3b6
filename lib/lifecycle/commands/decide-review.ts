import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, can, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { standsInFor } from '#lib/delegation/queries.ts'
import { agentSubject, lockAgent, type LockedAgent } from '#lib/registry/commands.ts'
import { narrowGrant, revokeGrant } from '#lib/scopes/commands.ts'
import { answerable } from '../queries/answerable.ts'
import { evidenceIn } from '../queries/evidence.ts'
import { usageToday } from '../queries/usage-today.ts'
import { decideReviewItem, type KeptScope, nothingKept, stillProposed } from '../rules/reviews.ts'
import { nextReview } from '../rules.ts'
import type { DecideReviewInput, ReviewDecision, ReviewOutcome, ReviewRefusal } from '../schema/reviews.ts'

type TxCtx = Ctx & { tx: Tx }

/**
 * Submits what was decided about grants of a campaign: each is kept, narrowed as proposed, or revoked; an agent counts as reviewed with its last. What may not be decided is refused,
 * with its rule and on the record; the rest is done. With `forPersonId` it is decided in the place of somebody one stands in for. Needs `scopes:request` or `reviews:manage`;
 * throws `not_found`. Of two who decide at once, one does and the other is told.
 */
export async function decideReview(ctx: Ctx, input: DecideReviewInput): Promise<ReviewOutcome> {
  if (!can(ctx.actor, 'reviews:manage')) authorize(ctx, 'scopes:request')
  const person = requirePerson(ctx)
  const { campaignId, decisions } = input
  return await inTx(ctx, async (tx, ctx) => {
    const isForOthers = decisions.some(({ forPersonId }) => forPersonId !== undefined)
    const absences = isForOthers ? await standsInFor({ ...ctx, tx }, person.id) : []
    const outcome: ReviewOutcome = { decided: 0, refused: [] }
    for (const wish of await byAgent(tx, decisions)) {
      const refused = await decideOne({ ...ctx, tx }, { campaignId, ...wish }, absences)
      if (refused) outcome.refused.push({ itemId: wish.itemId, ...refused })
      else outcome.decided += 1
    }
    return outcome
  })
}

/** Everybody locks several agents in the order of their ids. */
async function byAgent<W extends { itemId: string }>(tx: Tx, wishes: readonly W[]): Promise<W[]> {
  const items = await tx.reviewItem.findMany({
    where: { id: { in: wishes.map(({ itemId }) => itemId) } },
    orderBy: [{ agentId: 'asc' }, { id: 'asc' }],
    select: { id: true },
  })
  const places = new Map(items.map(({ id }, at) => [id, at]))
  return wishes.toSorted((a, b) => (places.get(a.itemId) ?? 0) - (places.get(b.itemId) ?? 0))
}

type Wish = DecideReviewInput['decisions'][number] & { campaignId: string }
type Absences = Awaited<ReturnType<typeof standsInFor>>

async function decideOne(ctx: TxCtx, wish: Wish, absences: Absences): Promise<ReviewRefusal | null> {
  const { agent, item } = await lockReviewItem(ctx.tx, wish)
  const evidence = evidenceIn(item)
  const reviewable = { ...item, evidence, agent: { ...agent, ownerTeamId: agent.ownerTeam.id } }
  const absent = absences.find(({ person }) => person.id === wish.forPersonId)?.person ?? null
  const refuse = (refusal: ReviewRefusal) => {
    const { rule, message } = refusal
    const detail = { campaignId: wish.campaignId, grantId: item.grantId, reason: rule, message }
    recordAudit(ctx.tx, ctx, { event: 'review.refused', ...aboutItem(item, agent), rule, detail })
    return refusal
  }
  if (wish.forPersonId !== undefined && !absent) {
    const message = 'You do not stand in for them now: decide in your own place, or leave it.'
    return refuse({ rule: 'reviews:not_standing_in', message })
  }
  const decision = decideReviewItem(reviewable, { actor: ctx.actor, absent, decision: wish.decision, now: ctx.now })
  if (!decision.ok) return refuse(decision.error)
  let kept: KeptScope = nothingKept
  if (wish.decision === 'narrow') {
    const today = await usageToday(ctx, { agentIds: [agent.id], campaign: item.campaign })
    const still = stillProposed(evidence, today.get(item.grantId))
    if (!still) return refuse(notAsProposed('Its calls need something else by now'))
    kept = still
  }
  const { reason } = wish
  const how = decision.value
  const refusal = await settle(ctx, { item, agent, decision: wish.decision, kept, reason, how, absent })
  if (refusal) return refuse(refusal)
  // Narrowing and revoking look at a grant as well. What security takes away later dates no review anew.
  if (item.decision === null && (await isAllAnswered(ctx, item))) await markAgentReviewed(ctx, agent)
  return null
}

type Item = Awaited<ReturnType<typeof lockReviewItem>>['item']

/** Does what was decided about an item whose agent is locked, and writes it down; where the grant cannot become that, nothing is written and the refusal returned. For the module's own commands. */
export async function settle(
  ctx: TxCtx,
  settled: {
    item: Item
    agent: LockedAgent
    decision: ReviewDecision
    kept: KeptScope
    reason: string
    how: 'owner' | 'override' | 'end'
    /** In whose place. */
    absent?: { id: string; name: string } | null
  },
): Promise<ReviewRefusal | null> {
  const { item, agent, decision, kept, reason, how, absent = null } = settled
  const { toolNames, conditions } = kept
  const { grantId, campaignId } = item
  const why = `${item.campaign.title}: ${reason}`.slice(0, 1000)
  if (decision === 'revoke') {
    const done = await revokeGrant(ctx, { grantId, reason: why })
    if (!done.ok) return notAsProposed(done.error.message)
  }
  if (decision === 'narrow') {
    const refusal = await narrow(ctx, { grantId, toolNames, conditions, reason: why })
    if (refusal) return refusal
  }
  const decidedById = ctx.actor.kind === 'person' ? ctx.actor.id : null
  await ctx.tx.reviewItem.update({
    where: { id: item.id },
    data: { decision, reason, how, decidedById, decidedForId: absent?.id ?? null, decidedAt: ctx.now },
  })
  const inPlaceOf = absent ? { standsInFor: { id: absent.id, name: absent.name } } : {}
  const detail = { campaignId, grantId, class: item.grant.class, decision, reason, how, toolNames, ...inPlaceOf }
  recordAudit(ctx.tx, ctx, { event: 'review.item_decided', ...aboutItem(item, agent), detail })
  return null
}

/** A tool may be classified anew in between: narrowing looks at everything before it writes anything, so one that is refused leaves the others of a batch as they are. */
async function narrow(ctx: TxCtx, input: Parameters<typeof narrowGrant>[1]): Promise<ReviewRefusal | null> {
  try {
    const done = await narrowGrant(ctx, input)
    return done.ok ? null : notAsProposed(done.error.message)
  } catch (error) {
    if (error instanceof DomainError && error.code === 'invalid') return notAsProposed(error.message)
    throw error
  }
}

function notAsProposed(why: string): ReviewRefusal {
  return { rule: 'reviews:not_as_proposed', message: `${why.replace(/\.$/, '')}: keep it, or revoke it.` }
}

/** Locks the campaign against its end, then the agent, and reads the item: the order everybody keeps. Throws `not_found`. */
export async function lockReviewItem(tx: Tx, { campaignId, itemId }: { campaignId: string; itemId: string }) {
  await tx.$queryRaw`select 1 from "ReviewCampaign" where "id" = ${campaignId}::uuid for share`
  const found = await tx.reviewItem.findUnique({ where: { id: itemId }, select: { agentId: true, campaignId: true } })
  if (!found || found.campaignId !== campaignId) {
    throw new DomainError('not_found', 'There is no such grant in this campaign.')
  }
  const agent = await lockAgent(tx, found.agentId)
  const item = await tx.reviewItem.findUniqueOrThrow({
    where: { id: itemId },
    include: {
      campaign: { select: { title: true, days: true, startedAt: true, endedAt: true } },
      grant: {
        select: {
          serverId: true,
          class: true,
          toolName: true,
          via: true,
          createdById: true,
          revokedAt: true,
          expiresAt: true,
        },
      },
    },
  })
  return { agent, item }
}

function aboutItem(item: { grant: { serverId: string; toolName: string | null } }, agent: LockedAgent) {
  const { serverId, toolName } = item.grant
  return { ...agentSubject(agent), serverId, ...(toolName ? { tool: toolName } : {}) }
}

/** Whether nothing of the agent is left to decide in the campaign: one grant of many that somebody looked at is no review of it. */
async function isAllAnswered(ctx: TxCtx, { campaignId, agentId }: Item): Promise<boolean> {
  return (await ctx.tx.reviewItem.count({ where: { campaignId, agentId, ...answerable(ctx.now) } })) === 0
}

async function markAgentReviewed(ctx: TxCtx, agent: LockedAgent): Promise<void> {
  if (agent.status === 'retired') return
  const nextReviewAt = nextReview(agent.tier, ctx.now)
  await ctx.tx.agent.update({
    where: { id: agent.id },
    data: { lastReviewedAt: ctx.now, nextReviewAt, updatedAt: ctx.now },
  })
  const detail = { nextReviewAt: nextReviewAt.toISOString() }
  recordAudit(ctx.tx, ctx, { event: 'agent.reviewed', ...agentSubject(agent), detail })
}
