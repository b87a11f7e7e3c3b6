import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { agentSubject } from '#lib/registry/commands.ts'
import { matchingAgentIds } from '#lib/registry/queries.ts'
import { usageOfAgents } from '#lib/scopes/queries.ts'
import type { GrantUsage } from '#lib/scopes/schema/usage.ts'
import { type ReviewEvidence, reviewItemsMax, type StartReviewInput } from '../schema/reviews.ts'

const dayMs = 86_400_000

/**
 * Starts a campaign over every grant that the agents of a query hold, or over grants that were chosen, with what is known of each now. Whoever answers for the agents is told.
 * Needs `reviews:manage`; throws `invalid` for a wrong query, and for nothing or too much to review.
 */
export async function startReview(ctx: Ctx, input: StartReviewInput): Promise<{ campaignId: string; items: number }> {
  authorize(ctx, 'reviews:manage')
  const person = requirePerson(ctx)
  const agentIds = input.query === undefined ? null : await matchingAgentIds(ctx, { q: input.query })
  return await inTx(ctx, async (tx, ctx) => {
    const grants = await heldGrants(tx, ctx, { agentIds, grantIds: input.grantIds ?? [] })
    const agents = [...new Map(grants.map(({ agent }) => [agent.id, agent])).values()]
    const usage = await usageOfAgents(ctx, { agentIds: agents.map(({ id }) => id), days: input.days })
    const judged = new Map([...usage.values()].flat().map((row) => [row.grantId, row]))
    const { title, query = null, days, atEnd } = input
    const dueAt = new Date(ctx.now.getTime() + input.dueDays * dayMs)
    const campaign = await tx.reviewCampaign.create({
      data: { title, query, days, atEnd, startedById: person.id, startedAt: ctx.now, dueAt },
      select: { id: true },
    })
    await tx.reviewItem.createMany({
      data: grants.map((grant) => ({
        campaignId: campaign.id,
        agentId: grant.agent.id,
        grantId: grant.id,
        evidence: evidenceOf(grant, { usage: judged.get(grant.id), days, now: ctx.now }),
      })),
    })
    const due = dueAt.toISOString()
    recordAudit(tx, ctx, {
      event: 'review.started',
      subject: { kind: 'review_campaign', id: campaign.id, name: title },
      detail: { campaignId: campaign.id, items: grants.length, agents: agents.length, dueAt: due, atEnd, query },
    })
    for (const agent of agents) {
      const held = grants.filter((grant) => grant.agent.id === agent.id).length
      const detail = { campaignId: campaign.id, title, grants: held, dueAt: due, reminder: false }
      recordAudit(tx, ctx, { event: 'review.asked', ...agentSubject(agent), detail })
    }
    return { campaignId: campaign.id, items: grants.length }
  })
}

async function heldGrants(
  tx: Tx,
  ctx: Ctx,
  { agentIds, grantIds }: { agentIds: readonly string[] | null; grantIds: readonly string[] },
) {
  const which = agentIds === null ? { id: { in: [...grantIds] } } : { agentId: { in: [...agentIds] } }
  const grants = await tx.grant.findMany({
    where: {
      ...which,
      revokedAt: null,
      OR: [{ expiresAt: null }, { expiresAt: { gt: ctx.now } }],
      agent: { status: { not: 'retired' } },
    },
    orderBy: [{ agentId: 'asc' }, { id: 'asc' }],
    take: reviewItemsMax + 1,
    select: {
      id: true,
      createdAt: true,
      agent: {
        select: { id: true, name: true, lastReviewedAt: true, ownerTeam: { select: { id: true, name: true } } },
      },
    },
  })
  const field = agentIds === null ? 'grantIds' : 'query'
  if (grants.length === 0) throw invalid(field, 'There is no grant to review: none of these is held now.')
  if (grants.length <= reviewItemsMax) return grants
  throw invalid(field, `These are more than ${reviewItemsMax} grants: review them in parts.`)
}

function evidenceOf(
  grant: { createdAt: Date; agent: { lastReviewedAt: Date | null } },
  { usage, days, now }: { usage: GrantUsage | undefined; days: number; now: Date },
): ReviewEvidence {
  return {
    at: now.toISOString(),
    days,
    verdict: usage?.verdict ?? 'insufficient_data',
    calls: usage?.calls ?? 0,
    lastUsedAt: usage?.lastUsedAt ?? null,
    tools: usage?.tools ?? [],
    proposal: usage?.proposal ?? null,
    missing: usage?.missing ?? null,
    isNew: grant.agent.lastReviewedAt === null || grant.createdAt > grant.agent.lastReviewedAt,
  }
}

function invalid(field: string, message: string): DomainError {
  return new DomainError('invalid', message, { field, rule: 'reviews:nothing' })
}
