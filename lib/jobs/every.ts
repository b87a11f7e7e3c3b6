import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '#lib/log/log.ts'

export type Loop = {
  /** Does the work now instead of at the next time. */
  nudge(): void
  /** Milliseconds since it was last done without a failure, at first since it began. */
  ageMs(): number
  /** What others depend on and is not done any more, in words; null: all is well, or nobody depends on it. */
  problem(): string | null
  stop(): Promise<void>
}

type Repeated = {
  what: string
  log: Log
  /** Others depend on it: not done for so long is a problem of the process. */
  lateMs?: number
  /** Milliseconds that only grow, by which its age is known. */
  clock?: () => number
  work: () => Promise<void>
}

/** Does something again and again, never twice at once; a failure is logged and the next time comes all the same. */
export function every(ms: number, options: Repeated): Loop {
  const { what, lateMs = Number.POSITIVE_INFINITY, clock = () => performance.now() } = options
  let doneAt = clock()
  const ageMs = (): number => clock() - doneAt
  const stopping = new AbortController()
  let wake = new AbortController()
  let nudged = false
  const loop = repeat()

  async function repeat(): Promise<void> {
    while (!stopping.signal.aborted) {
      nudged = false
      await options.work().then(
        () => (doneAt = clock()),
        (error: unknown) => options.log.warn({ err: error }, `${what} failed`),
      )
      // A nudge during the work asks for another time: what it is about may have come too late for this one.
      if (nudged) continue
      wake = new AbortController()
      await sleep(ms, undefined, { signal: AbortSignal.any([stopping.signal, wake.signal]) }).catch(() => {})
    }
  }

  return {
    nudge() {
      nudged = true
      wake.abort()
    },
    ageMs,
    problem: () => (ageMs() > lateMs ? `${what} has not succeeded for ${Math.floor(ageMs() / 1000)} s` : null),
    async stop() {
      stopping.abort()
      await loop
    },
  }
}
