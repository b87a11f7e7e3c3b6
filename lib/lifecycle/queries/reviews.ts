import { z } from 'zod'
import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { standsInFor } from '#lib/delegation/queries.ts'
import { personNames } from '#lib/registry/queries.ts'
import type { PersonRef } from '#lib/registry/schema.ts'
import { grantCallsSince } from '#lib/scopes/queries.ts'
import type { GrantUsage } from '#lib/scopes/schema/usage.ts'
import { decideReviewItem, hasEnded, stillProposed } from '../rules/reviews.ts'
import { agentsAnsweredFor } from './answered-agents.ts'
import { answerable } from './answerable.ts'
import { evidenceIn } from './evidence.ts'
import { usageToday } from './usage-today.ts'
import type {
  ReviewCampaignList,
  ReviewCampaignRow,
  ReviewCampaignView,
  ReviewItemView,
  ReviewListQuery,
  ReviewProgress,
  ReviewShowQuery,
} from '../schema/reviews.ts'

/** Campaigns, the newest first, a page at a time. Needs `agents:read`; throws `invalid` for a cursor that is no campaign. */
export async function listReviews(ctx: Ctx, query: ReviewListQuery): Promise<ReviewCampaignList> {
  authorize(ctx, 'agents:read')
  const { state, limit, cursor } = query
  const after = cursor === undefined ? null : await placeOf(ctx, cursor)
  const rows = await reader(ctx).reviewCampaign.findMany({
    where: {
      ...(state === 'any' ? {} : { endedAt: state === 'open' ? null : { not: null } }),
      ...(after
        ? { OR: [{ startedAt: { lt: after.startedAt } }, { startedAt: after.startedAt, id: { lt: after.id } }] }
        : {}),
    },
    orderBy: [{ startedAt: 'desc' }, { id: 'desc' }],
    take: limit + 1,
  })
  const page = rows.slice(0, limit)
  const items = await campaignRows(ctx, page)
  return { items, nextCursor: rows.length > limit ? (page.at(-1)?.id ?? null) : null }
}

/** One campaign with its grants by agent, and who has not answered; a page at a time. Needs `agents:read`; throws `not_found`. */
export async function getReview(
  ctx: Ctx,
  { campaignId, ...query }: ReviewShowQuery & { campaignId: string },
): Promise<ReviewCampaignView> {
  authorize(ctx, 'agents:read')
  const known = z.uuid().safeParse(campaignId).success
  const found = known ? await reader(ctx).reviewCampaign.findUnique({ where: { id: campaignId } }) : null
  if (!found) throw new DomainError('not_found', 'There is no such campaign.')
  const [row] = await campaignRows(ctx, [found])
  const waiting = await reader(ctx).$queryRaw<{ id: string; name: string; items: number }[]>`
    select t."id", t."name", count(*)::int as "items" from "ReviewItem" i
    join "Agent" a on a."id" = i."agentId" join "Team" t on t."id" = a."ownerTeamId"
    join "Grant" g on g."id" = i."grantId"
    where i."campaignId" = ${campaignId}::uuid and i."decision" is null and i."how" is null
      and g."revokedAt" is null and (g."expiresAt" is null or g."expiresAt" > ${ctx.now})
    group by 1, 2 order by 3 desc, 1`
  const { items, nextCursor } = await itemsOf(ctx, { campaign: found, query })
  return {
    ...row!,
    waiting: waiting.map(({ id, name, items: open }) => ({ team: { id, name }, items: open })),
    items,
    nextCursor,
  }
}

async function placeOf(ctx: Ctx, cursor: string): Promise<{ id: string; startedAt: Date }> {
  const known = z.uuid().safeParse(cursor).success
  const found = known
    ? await reader(ctx).reviewCampaign.findUnique({ where: { id: cursor }, select: { id: true, startedAt: true } })
    : null
  if (found) return found
  throw damagedLink()
}

function damagedLink(): DomainError {
  return new DomainError('invalid', 'This page link is damaged. Start from the first page.', { field: 'cursor' })
}

type Campaign = Prisma.ReviewCampaignGetPayload<object>

async function campaignRows(ctx: Ctx, rows: readonly Campaign[]): Promise<ReviewCampaignRow[]> {
  const people = await personNames(
    ctx,
    rows.flatMap(({ startedById, endedById }) => [startedById, endedById]),
  )
  const counts = await reader(ctx).reviewItem.groupBy({
    by: ['campaignId', 'decision', 'how'],
    where: { campaignId: { in: rows.map(({ id }) => id) } },
    _count: true,
  })
  return rows.map((row) => {
    const own = counts.filter(({ campaignId }) => campaignId === row.id)
    const count = (which: (each: (typeof own)[number]) => boolean) =>
      own.filter(which).reduce((sum, each) => sum + each._count, 0)
    const progress: ReviewProgress = {
      items: count(() => true),
      decided: count(({ decision, how }) => decision !== null || how !== null),
      kept: count(({ decision }) => decision === 'keep'),
      narrowed: count(({ decision }) => decision === 'narrow'),
      revoked: count(({ decision }) => decision === 'revoke'),
    }
    const { id, title, query, viewName, days, atEnd, startedAt, dueAt, endedAt } = row
    return {
      id,
      title,
      query,
      viewName,
      days,
      atEnd,
      startedBy: people.get(row.startedById) ?? unknown(row.startedById),
      startedAt: startedAt.toISOString(),
      dueAt: dueAt.toISOString(),
      endedAt: endedAt?.toISOString() ?? null,
      endedBy: row.endedById === null ? null : (people.get(row.endedById) ?? unknown(row.endedById)),
      progress,
    }
  })
}

const itemInclude = {
  agent: {
    select: {
      id: true,
      name: true,
      status: true,
      accountablePersonId: true,
      ownerTeam: { select: { id: true, name: true } },
    },
  },
  grant: { include: { server: { select: { id: true, name: true, environment: true } } } },
} satisfies Prisma.ReviewItemInclude
type Item = Prisma.ReviewItemGetPayload<{ include: typeof itemInclude }>

async function itemsOf(
  ctx: Ctx,
  { campaign, query }: { campaign: Campaign; query: ReviewShowQuery },
): Promise<{ items: ReviewItemView[]; nextCursor: string | null }> {
  const person = ctx.actor.kind === 'person' ? ctx.actor : null
  const absences = person ? await standsInFor(ctx, person.id) : []
  const mine = person && agentsAnsweredFor(person, absences)
  const after = query.cursor === undefined ? null : await itemPlace(ctx, { campaign, cursor: query.cursor })
  const rows = await reader(ctx).reviewItem.findMany({
    where: {
      campaignId: campaign.id,
      ...(query.show === 'all' ? {} : answerable(ctx.now)),
      ...(query.show === 'mine' && mine ? { agent: mine } : {}),
      ...(after ? { OR: [{ agentId: { gt: after.agentId } }, { agentId: after.agentId, id: { gt: after.id } }] } : {}),
    },
    orderBy: [{ agentId: 'asc' }, { id: 'asc' }],
    take: query.limit + 1,
    include: itemInclude,
  })
  const page = rows.slice(0, query.limit)
  const people = await personNames(
    ctx,
    page.flatMap(({ decidedById, decidedForId, agent }) => [decidedById, decidedForId, agent.accountablePersonId]),
  )
  const since = await grantCallsSince(
    ctx,
    page.map(({ grantId }) => ({ grantId, since: campaign.startedAt })),
  )
  const asked = page.filter((item) => evidenceIn(item).proposal !== null)
  const agentIds = [...new Set(asked.map(({ agentId }) => agentId))]
  const today = await usageToday(ctx, { agentIds: campaign.endedAt === null ? agentIds : [], campaign })
  return {
    items: page.map((item) =>
      itemView(ctx, {
        item,
        campaign,
        people,
        absences,
        called: since.get(item.grantId) ?? [],
        today: today.get(item.grantId),
      }),
    ),
    nextCursor: rows.length > query.limit ? (page.at(-1)?.id ?? null) : null,
  }
}

/** By its place, not by itself: it may have been answered since, and is then no longer among those that are asked for. */
async function itemPlace(
  ctx: Ctx,
  { campaign, cursor }: { campaign: Campaign; cursor: string },
): Promise<{ id: string; agentId: string }> {
  const known = z.uuid().safeParse(cursor).success
  const found = known
    ? await reader(ctx).reviewItem.findUnique({
        where: { id: cursor, campaignId: campaign.id },
        select: { id: true, agentId: true },
      })
    : null
  if (found) return found
  throw damagedLink()
}

function itemView(
  ctx: Ctx,
  about: {
    item: Item
    campaign: Campaign
    people: Map<string, PersonRef>
    absences: Awaited<ReturnType<typeof standsInFor>>
    called: readonly { tool: string; calls: number }[]
    today: GrantUsage | undefined
  },
): ReviewItemView {
  const { item, campaign, people, absences, called, today } = about
  const { agent, grant } = item
  const evidence = evidenceIn(item)
  const before = new Set(evidence.tools.map(({ tool }) => tool))
  const reviewable = { ...item, campaign, grant, evidence, agent: { ...agent, ownerTeamId: agent.ownerTeam.id } }
  const asking = { actor: ctx.actor, decision: null, now: ctx.now }
  const own = decideReviewItem(reviewable, asking)
  // Security decides in its own right what nobody has to stand in for.
  const others = own.ok
    ? []
    : absences.filter(({ person }) => decideReviewItem(reviewable, { ...asking, absent: person }).ok)
  return {
    id: item.id,
    agent: { id: agent.id, name: agent.name, status: agent.status },
    owner: agent.ownerTeam,
    accountable: people.get(agent.accountablePersonId) ?? unknown(agent.accountablePersonId),
    grantId: grant.id,
    server: grant.server,
    class: grant.class,
    toolName: grant.toolName,
    breakGlass: grant.via === 'break_glass',
    createdAt: grant.createdAt.toISOString(),
    expiresAt: grant.expiresAt?.toISOString() ?? null,
    evidence,
    since: {
      calls: called.reduce((sum, { calls }) => sum + calls, 0),
      newTools: called.flatMap(({ tool }) => (before.has(tool) ? [] : [tool])),
      neededByNow:
        campaign.endedAt === null &&
        (item.decision === null || item.decision === 'keep') &&
        !hasEnded(grant, ctx.now) &&
        evidence.proposal !== null &&
        stillProposed(evidence, today) === null,
    },
    decision: item.decision,
    reason: item.reason,
    how: item.how,
    decidedBy: item.decidedById === null ? null : (people.get(item.decidedById) ?? unknown(item.decidedById)),
    decidedFor: item.decidedForId === null ? null : (people.get(item.decidedForId) ?? unknown(item.decidedForId)),
    decidedAt: item.decidedAt?.toISOString() ?? null,
    standsInFor: others.map(({ person: { id, name }, until }) => ({
      person: { id, name, active: true },
      until: until.toISOString(),
    })),
    decidable: own.ok || others.length > 0 ? { allowed: true } : { allowed: false, refusal: own.error },
  }
}

function unknown(id: string): PersonRef {
  return { id, name: 'unknown', active: false }
}
