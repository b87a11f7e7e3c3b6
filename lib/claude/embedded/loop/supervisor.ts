import { setTimeout as sleep } from 'node:timers/promises'
import { goIdle } from '../sessions/transitions.ts'
import { ensureWork, reclaimLost } from '../work/queue.ts'
import { advance } from './advance.ts'
import { type LoopDeps, type Run, writeIfOpen } from './deps.ts'
import { closingResult } from './results.ts'
import { isAllowed, openCalls, readState } from './state.ts'

/** Runs the agent loop of every session of this process, each session in one place. */
export type Supervisor = {
  /** Goes on with every session that was left unfinished, then watches deadlines. */
  start(): Promise<void>
  /** Something happened to the session: look at it. Cheap, and safe at any time. */
  wake(sessionId: string): void
  /** Aborts what the session is doing right now; the loop then reads the interrupt, or that the session has ended. */
  cut(sessionId: string): void
  /** A worker gave up a session's work; if results are still awaited another one is called. */
  reassign(sessionId: string): Promise<void>
  /** Takes no further step, waits for those in progress, aborts them when the time is up. */
  stop(graceMs: number): Promise<void>
  /** Ends at once, as a crash would. */
  abort(): void
}

type Entry = { run: Run; controller: AbortController; again: boolean; done: Promise<void> | null; failures: number }

const sweepMs = 1_000
const failuresMax = 5

export function createSupervisor(deps: LoopDeps): Supervisor {
  const entries = new Map<string, Entry>()
  let stopping = false
  const goesOn = (): boolean => !stopping
  let sweeper: NodeJS.Timeout | null = null

  function wake(sessionId: string): void {
    if (stopping) return
    const entry = entries.get(sessionId) ?? newEntry(sessionId)
    entries.set(sessionId, entry)
    entry.again = true
    entry.done ??= work(entry).finally(() => {
      entry.done = null
      if (entry.again && !stopping) wake(sessionId)
    })
  }

  async function work(entry: Entry): Promise<void> {
    while (entry.again && goesOn()) {
      entry.again = false
      try {
        do renewSignal(entry)
        while ((await advance(deps, entry.run)) === 'again' && goesOn())
        entry.failures = 0
      } catch (error) {
        if (stopping) return
        await recover(entry, error)
      }
    }
    if (!entry.again) await release(entry)
  }

  /** The database was away, or a mistake of ours: try again for a while, then end the turn instead of spinning. */
  async function recover(entry: Entry, error: unknown): Promise<void> {
    const { sessionId } = entry.run
    entry.failures += 1
    deps.log.error({ err: error, sessionId, failures: entry.failures }, 'session step failed')
    entry.again = true
    if (entry.failures <= failuresMax) {
      await sleep(Math.min(10_000, 200 * 2 ** entry.failures))
      return
    }
    await writeIfOpen(deps, sessionId, async (writer) => {
      const message = 'The agent loop failed several times in a row.'
      writer.append({
        type: 'session.error',
        error: { type: 'unknown_error', message, retry_status: { type: 'exhausted' } },
      })
      for (const call of openCalls(readState(await writer.outline()))) writer.append(closingResult(call, message))
      goIdle(writer, { type: 'retries_exhausted' })
    }).catch(() => {})
    entry.again = false
    entry.failures = 0
  }

  /** Between turns nothing is kept open. */
  async function release(entry: Entry): Promise<void> {
    const connections = [...entry.run.connections.values()]
    entry.run.connections.clear()
    await Promise.all(connections.map(async (connection) => await connection.close()))
    if (!entry.again) entries.delete(entry.run.sessionId)
  }

  async function sweep(): Promise<void> {
    await reclaimLost(deps.db, {}, deps.now())
    const late = await deps.db.embSession.findMany({
      where: { status: 'idle', actionDeadline: { lt: deps.now() } },
      select: { id: true },
    })
    for (const { id } of late) {
      await expireCalls(deps, id)
      wake(id)
    }
  }

  return {
    async start() {
      for (const id of await unfinished(deps)) wake(id)
      const tick = async (): Promise<void> => {
        await sweep().catch((error: unknown) => deps.log.warn({ err: error }, 'sweep failed'))
        if (!stopping) sweeper = setTimeout(() => void tick(), sweepMs)
      }
      sweeper = setTimeout(() => void tick(), sweepMs)
    },
    wake,
    cut(sessionId) {
      entries.get(sessionId)?.controller.abort()
      wake(sessionId)
    },
    async reassign(sessionId) {
      await writeIfOpen(deps, sessionId, async (writer) => {
        const open = openCalls(readState(await writer.outline()))
        if (!open.some((call) => call.kind === 'sandbox' && isAllowed(call))) return
        await ensureWork(writer.tx, writer.session, writer.now)
      })
    },
    async stop(graceMs) {
      stopping = true
      if (sweeper) clearTimeout(sweeper)
      const busy = [...entries.values()].flatMap((entry) => entry.done ?? [])
      await Promise.race([Promise.all(busy), sleep(graceMs, undefined, { ref: false })])
      for (const entry of entries.values()) entry.controller.abort()
      await Promise.all(busy)
    },
    abort() {
      stopping = true
      if (sweeper) clearTimeout(sweeper)
      for (const entry of entries.values()) entry.controller.abort()
    },
  }
}

/** Sessions that were working, wait for something, or have events nobody has read. */
async function unfinished(deps: LoopDeps): Promise<string[]> {
  const now = deps.now()
  // The time the process was down does not count as active.
  await deps.db.embSession.updateMany({
    where: { status: 'running' },
    data: { runningSince: now },
  })
  const rows = await deps.db.embSession.findMany({
    where: {
      OR: [
        { status: { in: ['running', 'rescheduling'] } },
        { status: 'idle', stopReason: { path: ['type'], equals: 'requires_action' } },
        { status: 'idle', events: { some: { processedAt: null } } },
      ],
    },
    select: { id: true },
  })
  return rows.map(({ id }) => id)
}

/** Sandbox calls no worker has answered in time are answered for it, so that the agent can go on. */
async function expireCalls(deps: LoopDeps, sessionId: string): Promise<void> {
  await writeIfOpen(deps, sessionId, async (writer) => {
    const minutes = Math.round(deps.limits.sandboxResultMs / 60_000)
    for (const call of openCalls(readState(await writer.outline()))) {
      if (call.kind !== 'sandbox' || !isAllowed(call)) continue
      writer.append(closingResult(call, `No sandbox answered this call within ${minutes} minutes.`))
    }
    writer.set({ actionDeadline: null })
  })
}

function newEntry(sessionId: string): Entry {
  const controller = new AbortController()
  const run = { sessionId, signal: controller.signal, connections: new Map(), attempts: 0, retryServers: false }
  return { run, controller, again: false, done: null, failures: 0 }
}

/** An abort was meant for the step before; why it came is in the database by now. */
function renewSignal(entry: Entry): void {
  if (!entry.controller.signal.aborted) return
  entry.controller = new AbortController()
  entry.run.signal = entry.controller.signal
}
