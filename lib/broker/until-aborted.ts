/** Waits for the work, or rejects with the signal's reason as soon as it is aborted. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    // Nobody waits for it any more, so nobody hears how it failed.
    work.catch(() => {})
    throw signal.reason
  }
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * A signal for what has to begin in time: aborted with the reason of the given one, or with what `late` makes unless `begun` is called
 * before. What has begun lasts as long as the given one.
 */
export function untilBegun(
  given: AbortSignal,
  { ms, late }: { ms: number; late: () => unknown },
): { signal: AbortSignal; begun: () => void } {
  const beginning = new AbortController()
  const timer = setTimeout(() => beginning.abort(late()), ms)
  return { signal: AbortSignal.any([given, beginning.signal]), begun: () => clearTimeout(timer) }
}

/** Does the work, which has so long; what comes of it may go on with the signal it was given. */
export async function inTime<T>(
  given: AbortSignal,
  limit: { ms: number; late: () => unknown },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal, begun } = untilBegun(given, limit)
  try {
    return await work(signal)
  } finally {
    begun()
  }
}

/** Rejects with the signal's reason as soon as it is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await untilAborted(new Promise((resolve) => setTimeout(resolve, ms)), signal)
}
