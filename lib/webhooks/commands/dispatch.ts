import type { Ctx } from '#lib/auth/ctx.ts'
import type { Log } from '#lib/log/log.ts'
import { claimWebhookDeliveries, deliverWebhook, type WebhookSending } from './deliver.ts'

/** Of one endpoint at once, so that a receiver that hangs holds up nobody but itself; and of all together. */
const perEndpointMax = 4
const allMax = 32

export type WebhookDispatcher = {
  /** Begins what is due and there is room for; does not wait for it. Returns how many deliveries it began. */
  round(): Promise<number>
  /** Begins nothing more and waits for what is under way. */
  stop(): Promise<void>
}

/** Sends what is due, in a worker. One that fails to be tried or settled is due again after its claim. */
export function createWebhookDispatcher(parts: WebhookSending & { ctx: () => Ctx; log: Log }): WebhookDispatcher {
  const underWay = new Map<Promise<void>, string>()
  let stopping = false

  async function round(): Promise<number> {
    const room = allMax - underWay.size
    if (stopping || room <= 0) return 0
    const counts = new Map<string, number>()
    for (const id of underWay.values()) counts.set(id, (counts.get(id) ?? 0) + 1)
    // An endpoint with anything under way gets more only when all of that is done: simple, and never above its share.
    const due = await claimWebhookDeliveries(parts.ctx(), {
      limit: room,
      perEndpoint: perEndpointMax,
      except: [...counts.keys()],
    })
    for (const { id, endpointId } of due) begin(id, endpointId)
    return due.length
  }

  function begin(id: string, endpointId: string): void {
    const work = deliverWebhook(parts.ctx(), { id }, parts).catch((error: unknown) =>
      parts.log.warn({ err: error, deliveryId: id }, 'a webhook could not be delivered or settled'),
    )
    const tracked = work.finally(() => underWay.delete(tracked))
    underWay.set(tracked, endpointId)
  }

  return {
    round,
    async stop() {
      stopping = true
      await Promise.all(underWay.keys())
    },
  }
}
