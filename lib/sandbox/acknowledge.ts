import { systemActor } from '#lib/auth/ctx.ts'
import type { Db } from '#lib/db/client.ts'
import { acknowledgeStop } from '#lib/killswitch/commands.ts'
import type { Log } from '#lib/log/log.ts'
import type { EndedSession } from './sessions.ts'
import type { EndedProcess } from './stdio/host.ts'
import type { OpenOrder } from './stop-watch.ts'

type Options = { db: Db; instance: string; log: Log }

/** Tells once per order what was ended for it and how fast; tried again with the next reading when the database refuses. */
export class Acknowledger {
  readonly #options: Options
  readonly #told = new Set<string>()

  constructor(options: Options) {
    this.#options = options
  }

  async acknowledge(
    order: OpenOrder,
    ended: { sessions: readonly EndedSession[]; servers: readonly EndedProcess[] },
  ): Promise<void> {
    const { db, instance, log } = this.#options
    if (this.#told.has(order.id)) return
    this.#told.add(order.id)
    const now = new Date()
    const reports = [...ended.sessions, ...ended.servers].map(({ report }) => report)
    const detail = {
      sandboxesKilled: reports.filter(({ id }) => id).length,
      processesKilled: sum(reports.map(({ processes }) => processes)),
      survivors: reports.flatMap(({ survivors }) => survivors),
      sessions: ended.sessions.map(({ sessionId }) => sessionId),
      servers: ended.servers.map(({ serverId, owner }) => `${serverId}/${owner}`),
      killMs: Math.max(0, ...reports.map(({ ms }) => ms)),
      sinceOrderMs: now.getTime() - order.orderedAt.getTime(),
    }
    try {
      const ctx = { db, actor: systemActor('sandbox'), now }
      await acknowledgeStop(ctx, { orderId: order.id, process: 'sandbox', instance, detail })
      log.info({ orderId: order.id, scope: order.scope, ...detail }, 'stop order carried out')
    } catch (error) {
      this.#told.delete(order.id)
      log.error({ err: error, orderId: order.id }, 'a carried-out stop order could not be acknowledged')
    }
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
