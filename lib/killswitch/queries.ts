import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { revisionOf } from '#lib/core/revision.ts'
import type { Tx } from '#lib/db/client.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { coveredTasks } from './covered-tasks.ts'
import { confirmableUntil, stopsRuns } from './rules.ts'
import { type BlastRadius, type StopListQuery, type StopOrderView, stopTarget, type StopTargetInput } from './schema.ts'
import { existingTargetName, keyOf, reachesAgent, targetNames } from './targets.ts'

/** How many names a blast radius shows of each kind; the totals count all. */
const namesMax = 20

/** The orders in force, oldest first: what the banner shows on every page. Needs `stops:read`. */
export async function openStops(ctx: Ctx): Promise<StopOrderView[]> {
  authorize(ctx, 'stops:read')
  return readOrders(ctx, { where: { releasedAt: null }, orderBy: { orderedAt: 'asc' } })
}

/** Orders with their acknowledgements, newest first. Needs `stops:read`; throws `invalid` for a cursor that is no order. */
export async function listStops(ctx: Ctx, query: StopListQuery): Promise<StopOrderView[]> {
  authorize(ctx, 'stops:read')
  const open = query.open === undefined ? {} : { releasedAt: query.open ? null : { not: null } }
  const db = reader(ctx)
  const after = query.cursor === undefined ? null : await db.stopOrder.findUnique({ where: { id: query.cursor } })
  if (query.cursor !== undefined && !after) {
    throw new DomainError('invalid', 'This page link is damaged. Start from the first page.', { field: 'cursor' })
  }
  const older = after && {
    OR: [{ orderedAt: { lt: after.orderedAt } }, { orderedAt: after.orderedAt, id: { lt: after.id } }],
  }
  return readOrders(ctx, {
    where: { ...open, ...older },
    orderBy: [{ orderedAt: 'desc' }, { id: 'desc' }],
    take: query.limit,
  })
}

/** What an order would stop: agents that are not retired, their open runs and enabled schedules. Needs `stops:read`; throws `not_found`. */
export async function blastRadius(ctx: Ctx, input: StopTargetInput): Promise<BlastRadius> {
  authorize(ctx, 'stops:read')
  const db = reader(ctx)
  const target = stopTarget.parse(input)
  const targetName = await existingTargetName(db, target)
  const reached = reachesAgent(target, ctx.now)
  const agents = await db.$queryRaw<{ id: string; name: string; total: number }[]>`
    select a."id", a."name", count(*) over ()::int as "total" from "Agent" a
    where a."status" <> 'retired' and ${reached} order by a."id" limit ${namesMax}`
  const runs = await db.$queryRaw<
    { id: string; agentId: string; agentName: string; startedAt: Date | null; total: number }[]
  >`
    select r."id", a."id" as "agentId", a."name" as "agentName", r."startedAt", count(*) over ()::int as "total"
    from "Run" r join "Agent" a on a."id" = r."agentId"
    where r."state" in ('queued', 'running', 'stopping') and ${reached} order by r."createdAt" limit ${namesMax}`
  const schedules = await db.$queryRaw<{ agentId: string; agentName: string; schedule: string; total: number }[]>`
    select a."id" as "agentId", a."name" as "agentName", a."schedule", count(*) over ()::int as "total" from "Agent" a
    where a."status" = 'active' and a."schedule" is not null and a."scheduleEnabled" and ${reached} order by a."id" limit ${namesMax}`
  return {
    ...target,
    targetName,
    agents: { total: agents[0]?.total ?? 0, items: agents.map(({ id, name }) => ({ id, name })) },
    openRuns: {
      total: runs[0]?.total ?? 0,
      items: runs.map(({ id, agentId, agentName, startedAt }) => ({
        id,
        agentId,
        agentName,
        startedAt: startedAt?.toISOString() ?? null,
      })),
    },
    schedules: {
      total: schedules[0]?.total ?? 0,
      items: schedules.map(({ agentId, agentName, schedule }) => ({ agentId, agentName, schedule })),
    },
    stopsRuns: stopsRuns(target.scope),
  }
}

async function readOrders(
  ctx: Ctx,
  query: Pick<Prisma.StopOrderFindManyArgs, 'where' | 'orderBy' | 'take'>,
): Promise<StopOrderView[]> {
  const db = reader(ctx)
  const orders = await db.stopOrder.findMany({ ...query, include: { acks: { orderBy: { at: 'asc' } } } })
  if (orders.length === 0) return []
  const names = await targetNames(db, orders)
  const ids = orders.map((order) => order.id)
  const tasks = await coveredTasks(db, ids, ctx.now)
  const counts = await db.run.groupBy({
    by: ['stopOrderId', 'state'],
    where: { stopOrderId: { in: ids } },
    _count: true,
  })
  const count = (orderId: string, state: string): number =>
    counts.find((row) => row.stopOrderId === orderId && row.state === state)?._count ?? 0
  return orders.map((order) => ({
    id: order.id,
    scope: order.scope,
    targetId: order.targetId,
    targetName: names.get(keyOf(order)) ?? order.targetId,
    reason: order.reason,
    orderedBy: { id: order.orderedById, name: order.orderedByName },
    orderedAt: order.orderedAt.toISOString(),
    releasedBy: order.releasedByName === null ? null : { id: order.releasedById, name: order.releasedByName },
    releasedAt: order.releasedAt?.toISOString() ?? null,
    releaseReason: order.releaseReason,
    releaseAsked: order.releaseAskedAt && {
      by: { id: order.releaseAskedById, name: order.releaseAskedByName ?? '' },
      at: order.releaseAskedAt.toISOString(),
      reason: order.releaseAskedReason ?? '',
      until: order.releasedAt ? null : (confirmableUntil(order, ctx.now)?.toISOString() ?? null),
    },
    acks: order.acks.map((ack) => ({
      process: ack.process,
      instance: ack.instance,
      at: ack.at.toISOString(),
      detail: ack.detail as Record<string, unknown>,
    })),
    openRuns: count(order.id, 'stopping'),
    stoppedRuns: count(order.id, 'stopped'),
    tasks: tasks.get(order.id) ?? { over: 0, open: 0, named: [] },
  }))
}

/** One order with its acknowledgements. Needs `stops:read`; throws `not_found`. */
export async function getStop(ctx: Ctx, id: string): Promise<StopOrderView> {
  authorize(ctx, 'stops:read')
  const [order] = await readOrders(ctx, { where: { id } })
  if (!order) throw new DomainError('not_found', 'That stop order does not exist.')
  return order
}

/** An order and how far its release is, as a text that changes with it; null: there is none. With `lock` it is held until the transaction ends. */
export async function stopOrderRevision(tx: Tx, id: string, lock: boolean): Promise<string | null> {
  if (lock) await tx.$queryRaw`select 1 from "StopOrder" where "id" = ${id}::uuid for update`
  const order = await tx.stopOrder.findUnique({ where: { id } })
  return order && revisionOf(order)
}
