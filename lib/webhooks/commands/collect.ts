import { auditEventsAfter } from '#lib/audit/queries.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { isWanted } from '../rules.ts'

const batchMax = 500

/**
 * Makes deliveries of what the audit log has brought since the last time, for every endpoint that is on: each event once per endpoint, however many workers ask and whenever
 * they end. The audit log itself is the outbox, so nothing that committed is missed. Returns how many events were looked at; ask again while there are any.
 */
export async function collectWebhookDeliveries(ctx: Ctx): Promise<number> {
  const endpoints = await ctx.db.$queryRaw<{ id: string }[]>`
    select e."id" from "WebhookEndpoint" e, "AuditHead" h where e."enabled" and e."cursor" < h."seq" order by e."id"`
  let seen = 0
  for (const { id } of endpoints) seen += await collectFor(ctx, id)
  return seen
}

async function collectFor(ctx: Ctx, id: string): Promise<number> {
  return await inTx(ctx, async (tx, ctx) => {
    const [endpoint] = await tx.$queryRaw<{ events: string[]; cursor: bigint }[]>`
      select "events", "cursor" from "WebhookEndpoint" where "id" = ${id}::uuid and "enabled" for update skip locked`
    if (!endpoint) return 0
    const events = await auditEventsAfter(tx, { after: endpoint.cursor, limit: batchMax })
    const last = events.at(-1)
    if (!last) return 0
    const rows = events
      .filter(({ event }) => isWanted(endpoint.events, event))
      .map((event) => ({
        id: crypto.randomUUID(),
        endpointId: id,
        eventSeq: BigInt(event.seq),
        event: event.event,
        body: JSON.stringify({ type: event.event, timestamp: event.at, data: event }),
        createdAt: ctx.now,
        nextAttemptAt: ctx.now,
      }))
    await tx.webhookDelivery.createMany({ data: rows })
    await tx.webhookEndpoint.update({ where: { id }, data: { cursor: BigInt(last.seq) } })
    return events.length
  })
}
