import { createHash } from 'node:crypto'
import type { Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Log } from '#lib/log/log.ts'
import { untilAborted } from '../until-aborted.ts'
import type { AgentSession } from '../endpoint/sessions.ts'
import { urisMax } from './listening.ts'

const pollMs = 1000
/** A change that was made this long ago and is not seen yet has not been committed then. */
const overlapMs = 10_000
/** No session of a run that is over needs its row; no run lasts as long. */
const keptDays = 7
const rememberedMax = 20_000
const readMs = 5000
/** Of all the addresses that one session watches. */
const watchedLengthMax = 200_000

type Row = { session: string; logLevel: string | null; watched: string[]; endedAt: Date | null }

/**
 * What agents say about sessions whose server keeps none: how much is logged, what is watched, and that a session is over. It is a row, read
 * when a replica meets a session for the first time and when it changes; a call finds it in memory.
 */
export class SessionSettings {
  readonly #ctx: () => Ctx
  readonly #log: Log
  readonly #onEnded: (session: AgentSession) => void
  /** Those of this replica, by the key of their row. */
  readonly #known = new Map<string, AgentSession>()
  /** Of those, what could not be read when it changed. */
  readonly #unread = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #isLooking = false
  #lookedAt = performance.now()

  constructor(options: { ctx: () => Ctx; log: Log; onEnded: (session: AgentSession) => void }) {
    this.#ctx = options.ctx
    this.#log = options.log
    this.#onEnded = options.onEnded
  }

  /** From now on what is said about it at another replica holds here, too. `begun`: it has just begun, so nothing was said yet. */
  async know(session: AgentSession, { begun }: { begun: boolean }): Promise<void> {
    if (session.upstream) return
    const key = keyOf(session)
    if (this.#known.size >= rememberedMax) this.#known.delete(this.#known.keys().next().value!)
    this.#known.set(key, session)
    this.#timer ??= setInterval(() => void this.look(), pollMs)
    if (begun) return
    try {
      await untilAborted(this.#read([key]), AbortSignal.timeout(readMs))
    } catch (error) {
      // It may be over.
      this.#known.delete(key)
      this.#log.warn({ err: error }, 'what was said about a session could not be read')
      throw new DomainError('unavailable', 'What was said about the session could not be read.')
    }
  }

  async setLogLevel(session: AgentSession, level: string): Promise<void> {
    const key = keyOf(session)
    await this.#ctx().db.$executeRaw`
      insert into "McpSession" ("session", "logLevel", "changedAt") values (${key}, ${level}, now())
      on conflict ("session") do update set "logLevel" = excluded."logLevel", "changedAt" = now()`
    await this.#changed(key)
  }

  /** False when it watches as much as it may. */
  async watch(session: AgentSession, { uri, on }: { uri: string; on: boolean }): Promise<boolean> {
    const key = keyOf(session)
    const { db } = this.#ctx()
    const added = on ? [uri] : []
    const changed = await db.$executeRaw`
      insert into "McpSession" as s ("session", "watched", "changedAt") values (${key}, ${added}, now())
      on conflict ("session") do update set "changedAt" = now(),
        "watched" = array_remove(s."watched", ${uri}) || excluded."watched"
      where cardinality(array_remove(s."watched", ${uri}) || excluded."watched") <= ${urisMax}
        and length(array_to_string(array_remove(s."watched", ${uri}) || excluded."watched", '')) <= ${watchedLengthMax}`
    if (changed === 0) return false
    await this.#changed(key)
    return true
  }

  /** It is over at every replica. */
  async end(session: AgentSession): Promise<void> {
    if (session.upstream) return
    const key = keyOf(session)
    await this.#ctx().db.$executeRaw`
      with old as (delete from "McpSession" where "changedAt" < now() - ${keptDays} * interval '1 day')
      insert into "McpSession" ("session", "endedAt", "changedAt") values (${key}, now(), now())
      on conflict ("session") do update set "endedAt" = now(), "changedAt" = now()`
    await this.#changed(key)
  }

  /** Another replica was told something about a session; with an empty key, maybe about any. */
  nudge(key: string): void {
    if (key === '') void this.look()
    else if (this.#known.has(key)) void this.#readSoon(key)
  }

  /** Whatever nudge was missed: what has changed since this was done last. While the database does not answer, what is known holds. */
  async look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    const startedAt = performance.now()
    const ms = startedAt - this.#lookedAt + overlapMs
    try {
      const changed = await this.#ctx().db.$queryRaw<{ session: string }[]>`
        select "session" from "McpSession" where "changedAt" > now() - ${ms} * interval '1 millisecond'`
      const changedHere = changed.map(({ session }) => session).filter((key) => this.#known.has(key))
      await this.#read([...new Set([...changedHere, ...this.#unread])])
      this.#lookedAt = startedAt
    } catch (error) {
      this.#log.warn({ err: error }, 'what was said about sessions could not be read')
    } finally {
      this.#isLooking = false
    }
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Here at once; elsewhere as soon as they are told. */
  async #changed(key: string): Promise<void> {
    await this.#ctx().db.$executeRaw`select pg_notify('wheelhouse_talk', ${`session:${key}`})`
    await this.#readSoon(key)
  }

  async #read(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return
    const where = { session: { in: [...keys] } }
    const rows = await this.#ctx().db.mcpSession.findMany({ where, omit: { changedAt: true } })
    for (const key of keys) this.#unread.delete(key)
    for (const row of rows) this.#apply(row)
  }

  /** What cannot be read now is read within the second. */
  async #readSoon(key: string): Promise<void> {
    try {
      await this.#read([key])
    } catch (error) {
      if (this.#known.has(key)) this.#unread.add(key)
      this.#log.warn({ err: error }, 'what was said about a session could not be read')
    }
  }

  #apply({ session: key, logLevel, watched, endedAt }: Row): void {
    const session = this.#known.get(key)
    if (!session) return
    session.told({ logLevel: logLevel ?? undefined, watched })
    if (!endedAt) return
    this.#known.delete(key)
    this.#unread.delete(key)
    this.#onEnded(session)
  }
}

function keyOf({ name }: AgentSession): string {
  return createHash('sha256').update(name).digest('base64url')
}
