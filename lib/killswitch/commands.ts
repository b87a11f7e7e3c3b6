import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { Tx } from '#lib/db/client.ts'
import { type OrderInForce, stopCoveredRuns } from './enforce.ts'
import { confirmableUntil, needsTwo, releaseStep, secondPersonMs, stopsRuns } from './rules.ts'
import {
  type OrderRefusal,
  orderStopInput,
  type OrderStopInput,
  type Released,
  type ReleaseRefusal,
  type ReleaseStopInput,
  type WithdrawalRefusal,
  type WithdrawReleaseInput,
} from './schema.ts'
import { existingTargetName, keyOf, type Target, targetNames, toolOf } from './targets.ts'

/**
 * Stops a target from now on: launches and calls are refused by every process that reads the order, and open runs it covers are
 * marked stopping and interrupted by a job each. Needs `stops:order`; throws `not_found` for a target that does not exist. One open
 * order a target: the second is told who was first. `runs` is how many runs it stops.
 */
export async function orderStop(
  ctx: Ctx,
  input: OrderStopInput,
): Promise<Result<{ orderId: string; runs: number }, OrderRefusal>> {
  authorize(ctx, 'stops:order')
  const { scope, targetId, reason } = orderStopInput.parse(input)
  return inTx(ctx, async (tx, ctx) => {
    const target = { scope, targetId }
    const name = await existingTargetName(tx, target)
    const orderId = await insertOrder(ctx, target, reason)
    if (orderId === null) return err(await firstOrder(tx, target))
    const order = { id: orderId, scope, targetId, reason }
    recordAudit(tx, ctx, {
      event: 'stop.ordered',
      subject: { kind: scope, id: targetId, name },
      detail: { orderId, scope, reason },
      ...auditColumns(target),
    })
    return ok({ orderId, runs: await stopCoveredRuns(ctx, order) })
  })
}

/**
 * Ends an order; nothing restarts by itself. That of the whole organization two people end: the first asks, and within an hour another one confirms. Needs `stops:release`;
 * throws `not_found`, and `forbidden` for whoever is no person where two are needed.
 */
export async function releaseStop(ctx: Ctx, input: ReleaseStopInput): Promise<Result<Released, ReleaseRefusal>> {
  authorize(ctx, 'stops:release')
  return inTx(ctx, async (tx, ctx) => {
    await tx.$queryRaw`select 1 from "StopOrder" where "id" = ${input.orderId}::uuid for update`
    const order = await tx.stopOrder.findUnique({ where: { id: input.orderId } })
    if (!order) throw new DomainError('not_found', 'That stop order does not exist.')
    const { id: orderId, scope, releasedAt, releasedByName } = order
    if (releasedAt) {
      const at = releasedAt.toISOString()
      return err({ reason: 'already_released', releasedBy: releasedByName ?? '', releasedAt: at })
    }
    const person = personId(ctx)
    if (person === null && needsTwo(scope)) throw new DomainError('forbidden', 'Two people end a stop of everything.')
    const step = releaseStep(order, person, ctx.now)
    const names = await targetNames(tx, [order])
    const about = {
      subject: { kind: scope, id: order.targetId, name: names.get(keyOf(order)) ?? order.targetId },
      ...auditColumns(order),
    }
    const { reason } = input
    if (step === 'same_person') {
      const askedAt = order.releaseAskedAt!.toISOString()
      const until = confirmableUntil(order, ctx.now)!.toISOString()
      const refused = { rule: 'stops:second_person', detail: { orderId, scope, reason, askedAt, until } }
      recordAudit(tx, ctx, { event: 'stop.release_refused', ...about, decision: 'deny', ...refused })
      return err({ reason: 'second_person_needed', askedAt, until })
    }
    if (step === 'ask') {
      const until = new Date(ctx.now.getTime() + secondPersonMs).toISOString()
      const asked = { releaseAskedById: person, releaseAskedByName: ctx.actor.name }
      const data = { ...asked, releaseAskedAt: ctx.now, releaseAskedReason: reason }
      await tx.stopOrder.update({ where: { id: orderId }, data })
      recordAudit(tx, ctx, { event: 'stop.release_asked', ...about, detail: { orderId, scope, reason, until } })
      return ok({ orderId, state: 'waits', until })
    }
    const released = { releasedAt: ctx.now, releasedById: person, releasedByName: ctx.actor.name }
    await tx.stopOrder.update({ where: { id: orderId }, data: { ...released, releaseReason: reason } })
    const askedBy = needsTwo(scope) ? { askedBy: order.releaseAskedByName ?? '' } : {}
    recordAudit(tx, ctx, { event: 'stop.released', ...about, detail: { orderId, scope, reason, ...askedBy } })
    return ok({ orderId, state: 'released' })
  })
}

/** Takes back that one has asked for the end of an order which two people end: it stays in force. Needs `stops:release`; throws `not_found`. Refused to anybody else, and when nobody asks or it has ended. */
export async function withdrawRelease(
  ctx: Ctx,
  { orderId }: WithdrawReleaseInput,
): Promise<Result<null, WithdrawalRefusal>> {
  authorize(ctx, 'stops:release')
  const person = requirePerson(ctx)
  return inTx(ctx, async (tx, ctx) => {
    await tx.$queryRaw`select 1 from "StopOrder" where "id" = ${orderId}::uuid for update`
    const order = await tx.stopOrder.findUnique({ where: { id: orderId } })
    if (!order) throw new DomainError('not_found', 'That stop order does not exist.')
    const { scope, targetId, releasedAt, releaseAskedById, releaseAskedByName } = order
    if (releasedAt || confirmableUntil(order, ctx.now) === null) return err({ reason: 'release_not_asked' })
    if (releaseAskedById !== person.id) return err({ reason: 'not_your_wish', askedBy: releaseAskedByName ?? '' })
    const nobody = { releaseAskedById: null, releaseAskedByName: null, releaseAskedAt: null, releaseAskedReason: null }
    await tx.stopOrder.update({ where: { id: orderId }, data: nobody })
    const names = await targetNames(tx, [order])
    recordAudit(tx, ctx, {
      event: 'stop.release_withdrawn',
      subject: { kind: scope, id: targetId, name: names.get(keyOf(order)) ?? targetId },
      ...auditColumns(order),
      detail: { orderId, scope },
    })
    return ok(null)
  })
}

/** Records what a process did about an order; the first acknowledgement of an instance counts, and is audited. For our own processes only. */
export async function acknowledgeStop(
  ctx: Ctx,
  ack: {
    orderId: string
    process: 'broker' | 'sandbox' | 'worker'
    instance: string
    detail: Record<string, unknown>
  },
): Promise<void> {
  ownProcessOnly(ctx)
  const { orderId, process, instance, detail } = ack
  await inTx(ctx, async (tx, ctx) => {
    const added = await tx.$executeRaw`
      insert into "StopAck" ("orderId", "process", "instance", "at", "detail")
      values (${orderId}::uuid, ${process}, ${instance}, ${ctx.now}, ${JSON.stringify(detail)}::jsonb) on conflict do nothing`
    if (added === 0) return
    const order = await tx.stopOrder.findUniqueOrThrow({
      where: { id: orderId },
      select: { scope: true, targetId: true },
    })
    recordAudit(tx, ctx, {
      event: 'stop.acknowledged',
      subject: { kind: order.scope, id: order.targetId, name: `${process} ${instance}` },
      detail: { orderId, process, detail },
      ...auditColumns(order),
    })
  })
}

/**
 * Stops the runs that open orders cover and that nobody has marked: those whose launch and whose order missed each other. The worker
 * calls it every second. Returns what it marked by order. For our own processes only.
 */
export async function enforceStops(ctx: Ctx): Promise<{ orderId: string; runs: number }[]> {
  ownProcessOnly(ctx)
  const orders: OrderInForce[] = await ctx.db.stopOrder.findMany({
    where: { releasedAt: null },
    orderBy: { orderedAt: 'asc' },
    select: { id: true, scope: true, targetId: true, reason: true },
  })
  const marked: { orderId: string; runs: number }[] = []
  for (const order of orders) {
    const runs = stopsRuns(order.scope) ? await inTx(ctx, (_tx, ctx) => stopCoveredRuns(ctx, order)) : 0
    marked.push({ orderId: order.id, runs })
  }
  return marked
}

/** Null when the target has an open order already; of two at once the second waits for the first to commit. */
async function insertOrder(ctx: Ctx & { tx: Tx }, target: Target, reason: string): Promise<string | null> {
  const rows = await ctx.tx.$queryRaw<{ id: string }[]>`
    insert into "StopOrder" ("id", "scope", "targetId", "reason", "orderedById", "orderedByName", "orderedAt")
    values (gen_random_uuid(), ${target.scope}::"StopScope", ${target.targetId}, ${reason}, ${personId(ctx)}::uuid, ${ctx.actor.name}, ${ctx.now})
    on conflict ("scope", "targetId") where "releasedAt" is null do nothing
    returning "id"`
  return rows[0]?.id ?? null
}

async function firstOrder(tx: Tx, target: Target): Promise<OrderRefusal> {
  const first = await tx.stopOrder.findFirst({ where: { ...target, releasedAt: null } })
  // Released in the moment between: the order was not given, and saying otherwise would be dangerous.
  if (!first)
    throw new DomainError('conflict', 'The order before this one was released just now. Order the stop again.')
  return {
    reason: 'already_stopped',
    orderId: first.id,
    orderedBy: first.orderedByName,
    orderedAt: first.orderedAt.toISOString(),
  }
}

function auditColumns(target: Target): { agentId?: string; teamId?: string; serverId?: string; tool?: string } {
  const { scope, targetId } = target
  if (scope === 'agent') return { agentId: targetId }
  if (scope === 'team') return { teamId: targetId }
  if (scope === 'server') return { serverId: targetId }
  if (scope === 'organization') return {}
  const { serverId, name } = toolOf(targetId)
  return { serverId, tool: name }
}

function personId(ctx: Ctx): string | null {
  return ctx.actor.kind === 'person' ? ctx.actor.id : null
}

function ownProcessOnly(ctx: Ctx): void {
  if (ctx.actor.kind !== 'system') throw new DomainError('forbidden', 'Only processes of the platform do this.')
}
