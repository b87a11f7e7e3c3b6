import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { agentSubject } from '#lib/registry/commands.ts'
import { listViews, matchingAgentIds } from '#lib/registry/queries.ts'
import { usageOfAgents } from '#lib/scopes/queries.ts'
import type { GrantUsage } from '#lib/scopes/schema/usage.ts'
import { type ReviewEvidence, reviewItemsMax, type StartReviewInput } from '../schema/reviews.ts'

const dayMs = 86_400_000

/**
 * Starts a campaign over every grant that the agents of a query or of a saved view hold, or over grants that were chosen, with what is known of each now. Whoever answers for the
 * agents is told. Needs `reviews:manage`; throws `invalid` for a wrong query, for a view that is not there or not the only one of its name, and for nothing or too much to review.
 */
export async function startReview(ctx: Ctx, input: StartReviewInput): Promise<{ campaignId: string; items: number }> {
  authorize(ctx, 'reviews:manage')
  const person = requirePerson(ctx)
  const view = input.view === undefined ? null : await viewNamed(ctx, input.view)
  const q = view ? view.state.q : input.query
  const agentIds = q === undefined ? null : await matchingAgentIds(ctx, { q })
  return await inTx(ctx, async (tx, ctx) => {
    const grants = await heldGrants(tx, ctx, {
      agentIds,
      grantIds: input.grantIds ?? [],
      field: view ? 'view' : q === undefined ? 'grantIds' : 'query',
    })
    const agents = [...new Map(grants.map(({ agent }) => [agent.id, agent])).values()]
    const usage = await usageOfAgents(ctx, { agentIds: agents.map(({ id }) => id), days: input.days })
    const judged = new Map([...usage.values()].flat().map((row) => [row.grantId, row]))
    const { title, days, atEnd } = input
    const [query, viewName] = [q ?? null, view?.name ?? null]
    const dueAt = new Date(ctx.now.getTime() + input.dueDays * dayMs)
    const campaign = await tx.reviewCampaign.create({
      data: { title, query, viewName, days, atEnd, startedById: person.id, startedAt: ctx.now, dueAt },
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
      detail: {
        campaignId: campaign.id,
        items: grants.length,
        agents: agents.length,
        dueAt: due,
        atEnd,
        query,
        viewName,
      },
    })
    for (const agent of agents) {
      const held = grants.filter((grant) => grant.agent.id === agent.id).length
      const detail = { campaignId: campaign.id, title, grants: held, dueAt: due, reminder: false }
      recordAudit(tx, ctx, { event: 'review.asked', ...agentSubject(agent), detail })
    }
    return { campaignId: campaign.id, items: grants.length }
  })
}

/** One's own view of a name goes before those that others share. */
async function viewNamed(ctx: Ctx, name: string) {
  const named = (await listViews(ctx)).filter((view) => view.name === name)
  const own = named.find((view) => view.own)
  if (own) return own
  const [shared, another] = named
  if (!shared) {
    const message = `There is no view “${name}” of your own or shared with you.`
    throw new DomainError('invalid', message, { field: 'view', rule: 'reviews:view' })
  }
  if (!another) return shared
  const whose = named.map(({ owner }) => owner.name).join(', ')
  const message = `Several people share a view “${name}” (${whose}): save it as your own, or give its query.`
  throw new DomainError('invalid', message, { field: 'view', rule: 'reviews:view' })
}

async function heldGrants(
  tx: Tx,
  ctx: Ctx,
  {
    agentIds,
    grantIds,
    field,
  }: { agentIds: readonly string[] | null; grantIds: readonly string[]; field: 'view' | 'query' | 'grantIds' },
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
