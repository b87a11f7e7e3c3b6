import pg from 'pg'
import type { AuditRow } from './records.ts'
import { keepAlive } from '#lib/db/connection.ts'
import type { Log } from '#lib/log/log.ts'
import type { Limits } from '../limits.ts'
import type { Situation } from '#lib/guardrails/rules/situation.ts'
import { untilAborted } from '../until-aborted.ts'
import { appendStatement, observationOf } from './observations.ts'
import { situationNamedBy, storeSituations } from './situations.ts'

/** The record could not be made durable in time: whatever it was for is refused. */
export class AuditUnavailable extends Error {
  override readonly name = 'AuditUnavailable'
}

type Entry = {
  id: string
  json: string
  /** What the row names, which is stored before it. */
  situation: Situation | null
  /** What is stored with it, unless that fails: a record never waits for it twice. */
  observation: string | null
  /** What it tells of has happened already: it is kept until it is recorded, even when nobody waits any more. */
  happened: boolean
  queuedAt: number
  settle: ((error?: Error) => void) | null
}

const batchMax = 512
/** Who sees rows come in is nudged this often at most; every one of them polls as well. */
const nudgeMs = 250
/** While batches are of this many rows or more, the next one waits for company, */
const busyRows = 4
/** until there are so many or a moment is over: what a commit costs is little for each of them then. */
const companyRows = 8
const lingerMs = 2
const reconnectMs = 250
const sweepMs = 100
const partingMs = 1000

/**
 * Appends audit rows durably, many in one commit: while one is on its way, the next batch collects. One connection, so rows are recorded
 * in the order they were appended. When the database does not answer, waiting rows are refused after `auditWaitMs` and new ones at once;
 * rows of things that have happened are kept and appended when it is back, each exactly once.
 */
export class GroupCommit {
  readonly #options: {
    databaseUrl: string
    log: Log
    limits: Limits
    onBatch?: (rows: number, seconds: number) => void
  }
  #client: pg.Client | null = null
  /** What this connection has stored: another one may lead to a database that lost it. */
  #stored = new WeakSet<Situation>()
  #queue: Entry[] = []
  /** Sent when the connection broke: maybe recorded, maybe not. */
  #uncertain: Entry[] = []
  #inFlight: { entries: Entry[]; since: number } | null = null
  #pumping = false
  #lastRows = 0
  /** While a batch waits for company. */
  #onCompany: (() => void) | null = null
  #nudgedAt = Number.NEGATIVE_INFINITY
  #stopped = false
  #isOver = false
  #sweeper: NodeJS.Timeout | undefined
  #connecting: Promise<void> | null = null

  constructor(options: {
    databaseUrl: string
    log: Log
    limits: Limits
    onBatch?: (rows: number, seconds: number) => void
  }) {
    this.#options = options
  }

  async start(): Promise<void> {
    this.#sweeper = setInterval(() => this.#sweep(), sweepMs)
    await this.#connectOnce().catch(() => this.#reconnect())
  }

  /** Waits for what is queued as long as the connection stands, then closes it. */
  async stop(): Promise<void> {
    this.#stopped = true
    while (this.#client && (this.#queue.length > 0 || this.#inFlight)) await pause(5)
    clearInterval(this.#sweeper)
    await this.#connecting
    this.logUnrecorded()
    this.#isOver = true
    // A database that does not answer takes no leave.
    await Promise.race([this.#client?.end().catch(() => {}), pause(partingMs)])
  }

  /** The last resort, when the process ends: what has happened and is not known to be recorded in the table is at least in the log. */
  logUnrecorded(): void {
    const sent = [...(this.#inFlight?.entries ?? []), ...this.#uncertain]
    for (const [entries, isSent] of [
      [sent, true],
      [this.#queue, false],
    ] as const) {
      for (const { happened, json } of entries) if (happened) this.#toLog(json, isSent)
    }
  }

  #toLog(auditRow: string, isSent: boolean): void {
    this.#options.log.error({ auditRow, isSent }, 'an audit row was not recorded, as far as is known')
  }

  /** Whether a record appended now has a chance. */
  get available(): boolean {
    const { limits } = this.#options
    const stuck = this.#inFlight !== null && performance.now() - this.#inFlight.since > limits.auditWaitMs
    return this.#client !== null && !stuck && this.#queue.length < limits.auditQueueMax && !this.#stopped
  }

  get waiting(): number {
    return this.#queue.length + this.#uncertain.length + (this.#inFlight?.entries.length ?? 0)
  }

  /** Resolves when the row is durable; rejects with `AuditUnavailable`. `happened`: the row is kept even then. */
  append(row: AuditRow, options: { happened: boolean }): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!options.happened && !this.available) return reject(new AuditUnavailable('The audit log cannot be written.'))
      if (this.#isOver) {
        this.#toLog(JSON.stringify(row), false)
        return reject(new AuditUnavailable('The audit log is closed.'))
      }
      this.#queue.push({
        id: String(row['id']),
        json: JSON.stringify(row),
        situation: situationNamedBy(row),
        observation: observationOf(row),
        happened: options.happened,
        queuedAt: performance.now(),
        settle: (error) => (error ? reject(error) : resolve()),
      })
      if (this.#queue.length >= companyRows) this.#onCompany?.()
      void this.#pump()
    })
  }

  async #pump(): Promise<void> {
    if (this.#pumping) return
    this.#pumping = true
    while (this.#queue.length > 0 && this.#client) {
      await this.#gather()
      // Gone while it waited; what is queued stays queued.
      if (!this.#client) break
      const entries = this.#queue.splice(0, batchMax)
      if (entries.length === 0) break
      const since = performance.now()
      const nudge = since - this.#nudgedAt > nudgeMs
      if (nudge) this.#nudgedAt = since
      this.#inFlight = { entries, since }
      this.#lastRows = entries.length
      try {
        await this.#appendRows(this.#client, entries, { nudge })
        this.#inFlight = null
        for (const entry of entries) settle(entry)
        this.#options.onBatch?.(entries.length, (performance.now() - since) / 1000)
      } catch (error) {
        this.#inFlight = null
        await this.#failed(entries, error)
      }
    }
    this.#pumping = false
  }

  /**
   * A commit costs more than the rows in it: so all that this turn of the event loop brings goes together, and on a busy broker also what the
   * next two milliseconds bring, if they are few. A single caller waits for nobody.
   */
  async #gather(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    if (this.#lastRows < busyRows || this.#queue.length >= companyRows) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, lingerMs)
      this.#onCompany = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#onCompany = null
  }

  async #failed(entries: Entry[], error: unknown): Promise<void> {
    this.#options.log.warn({ err: error, rows: entries.length }, 'audit rows could not be appended')
    // A row the database does not take must not hold up the others: each is tried alone, and the bad one is refused.
    if (isDataError(error) && entries.length > 1) {
      for (const entry of entries.toReversed()) this.#queue.unshift(entry)
      return this.#oneByOne(entries.length)
    }
    if (isDataError(error)) {
      // Two brokers brought the same call to its end: it is on record, once.
      if (isRecordedAlready(error)) return settle(entries[0]!)
      this.#options.log.error({ auditRow: entries[0]?.json }, 'the database refuses an audit row')
      for (const entry of entries) settle(entry, new AuditUnavailable('The audit record is not acceptable.'))
      return
    }
    for (const entry of entries)
      if (!entry.happened) settle(entry, new AuditUnavailable('The audit log cannot be written.'))
    const kept = entries.filter((entry) => entry.happened)
    for (const entry of kept) entry.observation = null
    this.#uncertain.push(...kept)
    this.#disconnect()
  }

  async #oneByOne(count: number): Promise<void> {
    for (let done = 0; done < count && this.#client; done += 1) {
      const entry = this.#queue.shift()
      // Rows that have waited too long leave the queue meanwhile.
      if (!entry) return
      this.#inFlight = { entries: [entry], since: performance.now() }
      try {
        await this.#appendRows(this.#client, [entry], { nudge: true })
        settle(entry)
      } catch (error) {
        await this.#failed([entry], error)
      }
      this.#inFlight = null
    }
  }

  #disconnect(): void {
    const client = this.#client
    this.#client = null
    void client?.end().catch(() => {})
    this.#reconnect()
  }

  #reconnect(): void {
    if (this.#stopped || this.#connecting) return
    this.#connecting = (async () => {
      while (!this.#stopped && !this.#client) {
        await pause(reconnectMs)
        await this.#connectOnce().catch(() => {})
      }
    })().finally(() => {
      this.#connecting = null
      void this.#pump()
    })
  }

  async #connectOnce(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#options.databaseUrl,
      application_name: 'wheelhouse-broker-audit',
      connectionTimeoutMillis: 3000,
      // Whoever waits for the log there ends with the connection that is given up here: it notices nothing of that, and each next one would wait behind it.
      // A commit that waits for a replica goes on: PostgreSQL ends no commit for this.
      statement_timeout: 2 * this.#options.limits.auditWaitMs,
      ...keepAlive,
    })
    client.on('error', () => {
      if (this.#client === client && !this.#inFlight) this.#disconnect()
    })
    await client.connect()
    if (this.#uncertain.length > 0) {
      const ids = this.#uncertain.map((entry) => entry.id)
      // A connection that answers nothing is no better than none: the next one is tried.
      const late = AbortSignal.timeout(2 * this.#options.limits.auditWaitMs)
      const recorded = await untilAborted(recordedIds(client, ids), late).catch((error: unknown) => {
        void client.end().catch(() => {})
        throw error
      })
      for (const entry of this.#uncertain) if (recorded.has(entry.id)) settle(entry)
      this.#queue.unshift(...this.#uncertain.filter((entry) => !recorded.has(entry.id)))
      this.#uncertain = []
    }
    this.#stored = new WeakSet()
    this.#client = client
    void this.#pump()
  }

  async #appendRows(client: pg.Client, entries: readonly Entry[], { nudge }: { nudge: boolean }): Promise<void> {
    await storeSituations(
      client,
      entries.map((entry) => entry.situation),
      this.#stored,
    )
    const rows = `[${entries.map((entry) => entry.json).join(',')}]`
    const observed = entries.flatMap(({ id, observation }) =>
      observation === null ? [] : [{ id, facts: observation }],
    )
    try {
      await client.query(appendStatement(rows, { observed, nudge }))
    } catch (error) {
      // The database has answered, so nothing of it is stored. If it was not for the rows, they go without.
      if (observed.length === 0 || !(error instanceof pg.DatabaseError)) throw error
      await client.query(appendStatement(rows, { observed: [], nudge }))
      this.#options.log.warn({ err: error, calls: observed.length }, 'what arguments were like could not be stored')
    }
  }

  /** Refuses those who have waited too long; a connection that has not answered for twice that long is given up. */
  #sweep(): void {
    const { auditWaitMs } = this.#options.limits
    const now = performance.now()
    const late = (entry: Entry) => now - entry.queuedAt > auditWaitMs
    for (const entry of [...this.#queue, ...this.#uncertain, ...(this.#inFlight?.entries ?? [])]) {
      if (late(entry)) settle(entry, new AuditUnavailable('The audit log did not answer in time.'))
    }
    if (this.#queue.some((entry) => late(entry) && !entry.happened)) {
      this.#queue = this.#queue.filter((entry) => !late(entry) || entry.happened)
    }
    if (this.#inFlight && now - this.#inFlight.since > 2 * auditWaitMs) {
      // Ending it makes the query fail, and that puts its rows where they belong.
      void this.#client?.end().catch(() => {})
    }
  }
}

async function recordedIds(client: pg.Client, ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await client.query<{ id: string }>('select "id" from "AuditEvent" where "id" = any ($1::uuid[])', [
    ids,
  ])
  return new Set(rows.map((row) => row.id))
}

/** SQLSTATE classes 22 (data exception) and 23 (integrity constraint): the statement is at fault, not the connection. */
function isDataError(error: unknown): boolean {
  return error instanceof pg.DatabaseError && /^2[23]/.test(error.code ?? '')
}

function isRecordedAlready(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.constraint === 'AuditEvent_id_key'
}

function settle(entry: Entry, error?: Error): void {
  entry.settle?.(error)
  entry.settle = null
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
