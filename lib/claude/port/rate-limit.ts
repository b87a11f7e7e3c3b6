import { DomainError } from '#lib/core/errors.ts'
import type { ClaudeLimits } from '../schema.ts'

export type RequestKind = 'create' | 'other'

/** Lets at most so many requests of a kind start in any minute; the rest wait in order of arrival. */
export type RateLimiter = { admit(kind: RequestKind, signal?: AbortSignal | null): Promise<void> }

type Options = ClaudeLimits & {
  /** Milliseconds, only ever compared with itself. */
  now?: () => number
  /** The longest a request waits for its turn before it fails as rate limited. */
  waitMsMax?: number
}

const windowMs = 60_000

/** A sliding window: exact for every minute, not only for calendar ones, so a burst at a boundary does not count double. */
export function createRateLimiter(options: Options): RateLimiter {
  const now = options.now ?? (() => performance.now())
  const waitMsMax = options.waitMsMax ?? 120_000
  const lanes = { create: createLane(options.createsPerMinute, now), other: createLane(options.othersPerMinute, now) }
  return {
    async admit(kind, signal) {
      const waitMs = lanes[kind].reserve(waitMsMax)
      if (waitMs === null) {
        throw new DomainError('rate_limited', 'Too many requests to Claude are waiting. Try again in a minute.', {
          upstream: 'claude',
          retryAfterSeconds: 60,
        })
      }
      if (waitMs > 0) await delay(waitMs, signal)
    },
  }
}

function createLane(perMinute: number, now: () => number) {
  // The start times of the last `perMinute` requests; some lie in the future, they are reservations.
  const starts: number[] = []
  return {
    reserve(waitMsMax: number): number | null {
      const earliest = starts.length < perMinute ? 0 : (starts[0] ?? 0) + windowMs
      const at = Math.max(now(), earliest)
      const waitMs = at - now()
      if (waitMs > waitMsMax) return null
      starts.push(at)
      if (starts.length > perMinute) starts.shift()
      return waitMs
    },
  }
}

function delay(ms: number, signal?: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    function onAbort(): void {
      clearTimeout(timer)
      reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'))
    }
    if (signal?.aborted) onAbort()
    else signal?.addEventListener('abort', onAbort, { once: true })
  })
}
