import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '#lib/log/log.ts'

export type Loop = {
  /** Does the work now instead of at the next time. */
  nudge(): void
  stop(): Promise<void>
}

/** Does something again and again, never twice at once; a failure is logged and the next time comes all the same. */
export function every(ms: number, options: { what: string; log: Log; work: () => Promise<void> }): Loop {
  const stopping = new AbortController()
  let wake = new AbortController()
  let nudged = false
  const loop = repeat()

  async function repeat(): Promise<void> {
    while (!stopping.signal.aborted) {
      nudged = false
      await options.work().catch((error: unknown) => options.log.warn({ err: error }, `${options.what} failed`))
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
    async stop() {
      stopping.abort()
      await loop
    },
  }
}
