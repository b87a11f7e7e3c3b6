import { setTimeout as sleep } from 'node:timers/promises'
import { listen, type Listener } from '#lib/db/listen.ts'
import { createDb, type Db } from '#lib/db/client.ts'
import { findStop, stopsRuns } from '#lib/killswitch/rules.ts'
import type { StopScope } from '#lib/killswitch/schema.ts'
import type { Log } from '#lib/log/log.ts'
import { findRuns, type RunFacts } from './run-facts.ts'
import { findRegisteredServers, type RegisteredServer } from './stdio/registered.ts'

export type OpenOrder = { id: string; scope: StopScope; targetId: string; orderedAt: Date }

/** What the database said last, about the orders in force, the runs of the sessions being served, and the servers over stdio. */
export type StopView = {
  orders: readonly OpenOrder[]
  runs: ReadonlyMap<string, RunFacts>
  servers: ReadonlyMap<string, RegisteredServer>
  readAt: number
}

type Options = {
  databaseUrl: string
  log: Log
  /** The sessions whose runs are watched. */
  sessions: () => readonly string[]
  /** After every reading; it must not throw. */
  onView: (view: StopView) => void
}

const pollMs = 1000
const readMsMax = 3000
/** Older than this, and the view is not to be trusted: no new sandbox. */
export const viewAgeMsMax = 5000

/** Reads stop orders and runs on every nudge and every second. When the database does not answer, the view grows old and says so. */
export class StopWatch {
  readonly #options: Options
  /** Connections of its own: one that does not answer is given up with the reading over it. */
  readonly #db: Db
  #view: StopView | null = null
  #reading: Promise<void> | null = null
  #again = false
  #listener: Listener | null = null
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(options: Options) {
    this.#options = options
    this.#db = createDb(options.databaseUrl, { poolSize: 3, answerMs: readMsMax })
  }

  start(): void {
    this.#timer = setInterval(() => {
      void this.read()
      if (!this.#listener) void this.#listen()
    }, pollMs)
    void this.read()
    void this.#listen()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#timer)
    await this.#listener?.stop()
    await this.#reading
    await this.#db.$disconnect()
  }

  /** Milliseconds since the database answered; infinite when it never did. */
  ageMs(): number {
    return this.#view ? performance.now() - this.#view.readAt : Infinity
  }

  /** The view, or null when it is missing or too old. */
  fresh(): StopView | null {
    return this.ageMs() <= viewAgeMsMax ? this.#view : null
  }

  /** Reads now; a call during a reading makes another one after it, because that one may have begun too early. */
  read(): Promise<void> {
    if (this.#reading) {
      this.#again = true
      return this.#reading
    }
    this.#reading = this.#readUntilCurrent().finally(() => (this.#reading = null))
    return this.#reading
  }

  async #readUntilCurrent(): Promise<void> {
    do {
      this.#again = false
      const began = performance.now()
      try {
        const db = this.#db
        const sessions = this.#options.sessions()
        const reading = Promise.all([openOrders(db), findRuns(db, sessions), findRegisteredServers(db)])
        const [orders, runs, servers] = await inTime(reading)
        this.#view = { orders, runs: new Map(runs.map((run) => [run.sessionId, run])), servers, readAt: began }
        this.#options.onView(this.#view)
      } catch (error) {
        this.#options.log.warn({ err: error, ageMs: Math.round(this.ageMs()) }, 'stop orders could not be read')
      }
    } while (this.#again && !this.#isStopped)
  }

  async #listen(): Promise<void> {
    const { databaseUrl, log } = this.#options
    try {
      const listener = await listen({
        databaseUrl,
        channels: ['wheelhouse_stop', 'wheelhouse_policy'],
        onNotify: () => void this.read(),
        log,
      })
      if (this.#isStopped || this.#listener) await listener.stop()
      else this.#listener = listener
    } catch (error) {
      log.warn({ err: error }, 'cannot listen for stop orders yet: reading them every second')
    }
  }
}

/** The order that ends a run, if one does; orders for single servers or tools leave sandboxes alone. */
export function stopFor(
  orders: readonly OpenOrder[],
  run: Pick<RunFacts, 'agentId' | 'teamId'>,
): OpenOrder | undefined {
  return findStop(
    orders.filter(({ scope }) => stopsRuns(scope)),
    run,
  )
}

/** A database that neither answers nor refuses must not stop the readings after this one. */
async function inTime<T>(reading: Promise<T>): Promise<T> {
  const done = new AbortController()
  const late = sleep(readMsMax, null, { signal: done.signal }).then(() => {
    throw new Error(`the database did not answer within ${readMsMax} ms`)
  })
  try {
    return await Promise.race([reading, late])
  } finally {
    done.abort()
    reading.catch(() => {})
    late.catch(() => {})
  }
}

async function openOrders(db: Db): Promise<OpenOrder[]> {
  return await db.stopOrder.findMany({
    where: { releasedAt: null },
    orderBy: { orderedAt: 'asc' },
    select: { id: true, scope: true, targetId: true, orderedAt: true },
  })
}
