const second = 1000
const minute = 60 * second
const hour = 60 * minute

/** How long after each failed attempt the next one comes: eight in about a day. What is told later helps nobody. */
export const retryDelaysMs: readonly number[] = [
  10 * second,
  minute,
  5 * minute,
  30 * minute,
  2 * hour,
  6 * hour,
  14 * hour,
]
const retryAfterMsMax = 6 * hour

/** What came of one attempt. `gone`: there is nobody at the address, ever; `final`: this message is not taken, whenever it comes. */
export type Sent =
  | { ok: true }
  | { ok: false; error: string; final: boolean; gone: boolean; retryAfterMs: number | null }

export type Settled =
  | { state: 'delivered' }
  | { state: 'pending'; nextAttemptAt: Date }
  | { state: 'failed'; gone: boolean }

/** What follows from an attempt: whoever says when to come back is heeded, up to six hours. */
export function settleAttempt(sent: Sent, attempts: number, now: Date): Settled {
  if (sent.ok) return { state: 'delivered' }
  const delay = retryDelaysMs[attempts - 1]
  if (sent.final || sent.gone || delay === undefined) return { state: 'failed', gone: sent.gone }
  const asked = Math.min(sent.retryAfterMs ?? 0, retryAfterMsMax)
  return { state: 'pending', nextAttemptAt: new Date(now.getTime() + Math.max(delay, asked)) }
}

/** What an incoming webhook says by its status: 429 and 5xx pass, 404 and 410 mean that it was taken away. */
export function slackOutcome(answer: {
  status: number | null
  retryAfterMs: number | null
  error: string | null
}): Sent {
  const { status, retryAfterMs, error } = answer
  if (status !== null && status >= 200 && status < 300) return { ok: true }
  const gone = status === 404 || status === 410
  const passes = status === null || status === 429 || status >= 500
  return { ok: false, error: error ?? `It answered ${status}.`, final: !passes, gone, retryAfterMs }
}
