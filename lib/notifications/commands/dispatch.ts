import type { Ctx } from '#lib/auth/ctx.ts'
import type { Log } from '#lib/log/log.ts'
import { claimNotificationDeliveries, deliverNotification, type NotificationSending } from './deliver.ts'

/** To one channel (or the mail server) at once, so that one that hangs holds up nobody but itself; and of all together. */
const perDestinationMax = 4
const allMax = 16

export type NotificationDispatcher = {
  /** Begins what is due and there is room for; does not wait for it. Returns how many deliveries it began. */
  round(): Promise<number>
  /** Begins nothing more and waits for what is under way. */
  stop(): Promise<void>
}

/** Sends what is due, in a worker. One that fails to be tried or settled is due again after its claim. */
export function createNotificationDispatcher(
  parts: NotificationSending & { ctx: () => Ctx; log: Log },
): NotificationDispatcher {
  const underWay = new Map<Promise<void>, string>()
  let stopping = false

  async function round(): Promise<number> {
    const room = allMax - underWay.size
    if (stopping || room <= 0) return 0
    const due = await claimNotificationDeliveries(parts.ctx(), {
      limit: room,
      perDestination: perDestinationMax,
      underWay: countsOf(underWay.values()),
    })
    for (const { id, destination } of due) begin(id, destination)
    return due.length
  }

  function begin(id: string, destination: string): void {
    const work = deliverNotification(parts.ctx(), { id }, parts).catch((error: unknown) =>
      parts.log.warn({ err: error, deliveryId: id }, 'a notification could not be delivered or settled'),
    )
    const tracked = work.finally(() => underWay.delete(tracked))
    underWay.set(tracked, destination)
  }

  return {
    round,
    async stop() {
      stopping = true
      await Promise.all(underWay.keys())
    },
  }
}

function countsOf(destinations: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const destination of destinations) counts.set(destination, (counts.get(destination) ?? 0) + 1)
  return counts
}
