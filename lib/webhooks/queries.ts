import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { revisionOf } from '#lib/core/revision.ts'
import type { Tx } from '#lib/db/client.ts'
import type { DeliveryListQuery, WebhookDeliveryPage, WebhookDeliveryView, WebhookView } from './schema.ts'

const weekMs = 7 * 24 * 60 * 60 * 1000

/** Every endpoint, oldest first, with how its deliveries of the last week fared. Needs `webhooks:manage`. */
export async function listWebhooks(ctx: Ctx): Promise<WebhookView[]> {
  authorize(ctx, 'webhooks:manage')
  return await views(ctx, {})
}

/** One endpoint. Needs `webhooks:manage`; throws `not_found`. */
export async function getWebhook(ctx: Ctx, id: string): Promise<WebhookView> {
  authorize(ctx, 'webhooks:manage')
  const [webhook] = await views(ctx, { id })
  if (!webhook) throw new DomainError('not_found', 'There is no such webhook.')
  return webhook
}

/** What people have set of a webhook, as a text that changes with it; null: there is none. With `lock` it is held until the transaction ends. */
export async function webhookRevision(tx: Tx, id: string, lock: boolean): Promise<string | null> {
  if (lock) await tx.$queryRaw`select 1 from "WebhookEndpoint" where "id" = ${id}::uuid for update`
  // How far it has been told moves with every event.
  const webhook = await tx.webhookEndpoint.findUnique({ where: { id }, omit: { cursor: true, failingSince: true } })
  return webhook && revisionOf(webhook)
}

async function views(ctx: Ctx, where: { id?: string }): Promise<WebhookView[]> {
  const db = reader(ctx)
  const rows = await db.webhookEndpoint.findMany({ where, orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] })
  const counts = await db.webhookDelivery.groupBy({
    by: ['endpointId', 'state'],
    where: { endpointId: { in: rows.map(({ id }) => id) }, createdAt: { gt: new Date(ctx.now.getTime() - weekMs) } },
    _count: true,
  })
  return rows.map((row) => {
    const ofState = (state: string) =>
      counts.find((each) => each.endpointId === row.id && each.state === state)?._count ?? 0
    const overlaps = row.previousUntil !== null && row.previousUntil > ctx.now
    return {
      id: row.id,
      url: row.url,
      description: row.description,
      events: row.events,
      enabled: row.enabled,
      disabledReason: row.disabledReason,
      failingSince: row.failingSince?.toISOString() ?? null,
      previousSecretUntil: overlaps ? row.previousUntil!.toISOString() : null,
      createdAt: row.createdAt.toISOString(),
      createdBy: row.createdByName,
      week: { pending: ofState('pending'), delivered: ofState('delivered'), failed: ofState('failed') },
    }
  })
}

/** The delivery log of an endpoint, newest first, a page at a time. Needs `webhooks:manage`; throws `not_found`. */
export async function listWebhookDeliveries(
  ctx: Ctx,
  webhookId: string,
  query: DeliveryListQuery,
): Promise<WebhookDeliveryPage> {
  await getWebhook(ctx, webhookId)
  const after = query.before
    ? await reader(ctx).webhookDelivery.findFirst({ where: { id: query.before, endpointId: webhookId } })
    : null
  if (query.before && !after) throw new DomainError('invalid', 'There is no such delivery.', { field: 'before' })
  const rows = await reader(ctx).webhookDelivery.findMany({
    where: {
      endpointId: webhookId,
      ...(query.state ? { state: query.state } : {}),
      ...(after
        ? { OR: [{ createdAt: { lt: after.createdAt } }, { createdAt: after.createdAt, id: { lt: after.id } }] }
        : {}),
    },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: query.limit + 1,
    include: { log: { orderBy: { number: 'asc' } } },
  })
  const page = rows.slice(0, query.limit)
  const items = page.map((row): WebhookDeliveryView => ({
    id: row.id,
    event: row.event,
    eventSeq: row.eventSeq?.toString() ?? null,
    state: row.state as WebhookDeliveryView['state'],
    attempts: row.log.map(({ number, at, ms, status, error }) => ({ number, at: at.toISOString(), ms, status, error })),
    nextAttemptAt: row.nextAttemptAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    settledAt: row.settledAt?.toISOString() ?? null,
    body: row.body,
  }))
  return { items, nextCursor: rows.length > query.limit ? page.at(-1)!.id : null }
}
