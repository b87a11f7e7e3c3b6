import pg from 'pg'
import { listen, type Listener } from '#lib/db/listen.ts'
import type { Log } from '#lib/log/log.ts'
import { loadAll, loadChanges, pruneChanges } from './load.ts'
import { historySql, type Position } from './notes.ts'
import { run } from './sql.ts'
import { BrokerView } from './view.ts'

const pollMs = 1000
const pruneMs = 10 * 60_000
/** Nudges come in bursts (every run event is one); between two reloads that nobody waits for lies at least this much. */
const nudgeMs = 50
const askMs = 100
const queryTimeoutMs = 3000
/** Whoever read nothing for longer reads everything: notes are kept until their transactions have been over for an hour. */
const changesReadMs = 30 * 60_000
const notedMs = 60 * 60_000

type KeeperOptions = {
  databaseUrl: string
  log: Log
  onReload: (view: BrokerView) => void
  /** Another replica was told to cancel a request it does not have. */
  onCancel: (digest: string) => void
  /** Another replica has something for a conversation. */
  onTalk: (payload: string) => void
  /** A held call was decided or is new. */
  onHeld: (heldCallId: string) => void
}

/**
 * Keeps the view in step with the registry: LISTEN for a nudge, a poll every second as the guarantee, and on demand when a call names
 * something the view does not have yet. When the database does not answer, the view grows old and says so; it recovers by itself, and
 * reads what it missed. It reads everything where nothing says what that is: after half an hour, or from a database with another history.
 */
export class ViewKeeper {
  readonly view = new BrokerView()
  readonly #options: KeeperOptions
  /** How often it looked, and how many rows of the registry it has read. */
  readonly reads = { whole: 0, changes: 0, rows: 0 }
  #client: pg.Client | null = null
  /** Up to where changes were read, of the history that it is a position in. Null: everything has to be read. */
  #position: Position | null = null
  #history: string | null = null
  /** The oldest transaction that was open at an earlier time, by the monotonic clock. */
  #oldest = ''
  #earlier: { at: number; oldest: string }[] = []
  /** By the clock on the wall, which goes on while the machine sleeps. */
  #readAt = 0
  #current: Promise<void> | null = null
  #next: Promise<void> | null = null
  #nudge: NodeJS.Timeout | undefined
  #askedAt = Number.NEGATIVE_INFINITY
  #timers: NodeJS.Timeout[] = []
  #listener: Promise<Listener | null> = Promise.resolve(null)
  #stopped = false

  constructor(options: KeeperOptions) {
    this.#options = options
  }

  /** Resolves after the first attempt to read; whether it succeeded, `ageMs` says. */
  async start(): Promise<void> {
    await this.refresh()
    this.#timers.push(setInterval(() => void this.refresh(), pollMs))
    this.#timers.push(setInterval(() => void this.#prune(), pruneMs))
    this.#listener = this.#listen()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers) clearInterval(timer)
    clearTimeout(this.#nudge)
    await (await this.#listener)?.stop()
    await this.#current
    await this.#client?.end().catch(() => {})
  }

  /** How old the snapshot is that the view shows, in milliseconds. */
  ageMs(): number {
    return performance.now() - this.view.loadedAt
  }

  /** Resolves when a reload that began after this call has ended; many callers share one. Never rejects. */
  refresh(): Promise<void> {
    if (!this.#current) return this.#begin()
    this.#next ??= this.#current.then(() => {
      this.#next = null
      return this.#begin()
    })
    return this.#next
  }

  /** As `refresh`, for callers who name something unknown: at most ten times a second, so that nobody can keep the database busy. */
  async refreshSoon(): Promise<void> {
    const wait = this.#askedAt + askMs - performance.now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    if (performance.now() >= this.#askedAt + askMs) this.#askedAt = performance.now()
    await this.refresh()
  }

  #begin(): Promise<void> {
    const current = this.#reload().finally(() => {
      if (this.#current === current) this.#current = null
    })
    this.#current = current
    return current
  }

  async #reload(): Promise<void> {
    if (this.#stopped) return
    const startedAt = performance.now()
    try {
      const client = this.#client ?? (await this.#connect())
      const readAt = Date.now()
      if (readAt - this.#readAt > changesReadMs) this.#position = null
      const since = this.#position
      const reading = await (since ? loadChanges(client, this.view, since) : loadAll(client, this.view))
      this.#position = reading.position
      this.#oldest = reading.oldest
      this.reads[reading.extent] += 1
      this.reads.rows += reading.rows
      this.view.loadedAt = startedAt
      this.#readAt = readAt
      this.#options.onReload(this.view)
    } catch (error) {
      this.#options.log.warn({ err: error }, 'the registry could not be read')
      await this.#drop()
    }
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.#options.databaseUrl,
      application_name: 'wheelhouse-broker-view',
      connectionTimeoutMillis: queryTimeoutMs,
      query_timeout: queryTimeoutMs,
    })
    client.on('error', () => {})
    await client.connect()
    this.#client = client
    const [row] = await run(client, historySql)
    // The database may be another one, or an older state of it: then no position in it is known.
    if (row!.history !== this.#history) {
      this.#position = null
      this.#earlier = []
      this.#history = row!.history
    }
    return client
  }

  async #drop(): Promise<void> {
    const client = this.#client
    this.#client = null
    await client?.end().catch(() => {})
  }

  async #listen(): Promise<Listener | null> {
    while (!this.#stopped) {
      try {
        return await listen({
          databaseUrl: this.#options.databaseUrl,
          channels: [
            'wheelhouse_policy',
            'wheelhouse_stop',
            'wheelhouse_run',
            'wheelhouse_cancel',
            'wheelhouse_talk',
            'wheelhouse_held',
          ],
          onNotify: (channel, payload) => {
            if (channel === 'wheelhouse_cancel') this.#options.onCancel(payload)
            else if (channel === 'wheelhouse_talk') this.#options.onTalk(payload)
            else if (channel === 'wheelhouse_held') this.#options.onHeld(payload)
            else this.#nudged(channel === 'wheelhouse_stop' ? 0 : nudgeMs)
          },
          log: this.#options.log,
        })
      } catch {
        await new Promise((resolve) => setTimeout(resolve, pollMs))
      }
    }
    return null
  }

  #nudged(delayMs: number): void {
    if (delayMs === 0) return void this.refresh()
    this.#nudge ??= setTimeout(() => {
      this.#nudge = undefined
      void this.refresh()
    }, delayMs)
  }

  async #prune(): Promise<void> {
    await this.refresh()
    if (!this.#client) return
    const at = performance.now()
    const known = this.#earlier.findLastIndex((each) => at - each.at >= notedMs)
    const before = this.#earlier[known]?.oldest ?? '0'
    this.#earlier = [...this.#earlier.slice(Math.max(known, 0)), { at, oldest: this.#oldest }]
    await pruneChanges(this.#client, before).catch(() => {})
  }
}
