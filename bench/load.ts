import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import type { Target } from './targets.ts'

export type Measured = { seconds: number; calls: number; times: number[] }
/** `failures`: what was answered instead, in words. */
export type OpenMeasured = Measured & { failures: string[] }

/** As many calls at a time as there are users; each sends its next one when the last is answered. */
export async function closedLoop(target: Target, options: { users: number; seconds: number }): Promise<Measured> {
  const { origin } = new URL(target.url)
  const pool = new Pool(origin, { connections: options.users, pipelining: 1 })
  const times: number[] = []
  const started = performance.now()
  const until = started + options.seconds * 1000
  await Promise.all(
    target.users.slice(0, options.users).map(async (headers) => {
      while (performance.now() < until) {
        const at = performance.now()
        await send(pool, target, headers)
        times.push(performance.now() - at)
      }
    }),
  )
  const seconds = (performance.now() - started) / 1000
  await pool.close()
  return { seconds, calls: times.length, times }
}

/**
 * Calls at a fixed rate, whatever the answers do. A call's time counts from when it was due, not from when it was sent, so that waiting
 * behind a slow answer is not left out (coordinated omission).
 */
export async function openLoop(
  next: () => { pool: Pool; target: Target; headers: Record<string, string> },
  options: { perSecond: number; seconds: number },
): Promise<OpenMeasured> {
  const times: number[] = []
  const failures: string[] = []
  const pending = new Set<Promise<void>>()
  const started = performance.now()
  const count = Math.round(options.perSecond * options.seconds)
  for (let sent = 0; sent < count; sent += 1) {
    const due = started + (sent * 1000) / options.perSecond
    const early = due - performance.now()
    if (early > 0) await sleep(early)
    const { pool, target, headers } = next()
    const call = send(pool, target, headers)
      .then(
        () => void times.push(performance.now() - due),
        (error: unknown) => void failures.push(String(error)),
      )
      .finally(() => pending.delete(call))
    pending.add(call)
  }
  await Promise.all(pending)
  return { seconds: (performance.now() - started) / 1000, calls: times.length, times, failures }
}

/** Rejects with any answer but a successful one. */
async function send(pool: Pool, target: Target, headers: Record<string, string>): Promise<void> {
  const path = new URL(target.url).pathname
  const { statusCode, body } = await pool.request({ path, method: 'POST', headers, body: target.body })
  const text = await body.text()
  if (statusCode !== 200 || text.includes('"isError"') || text.includes('"error"')) {
    throw new Error(`${target.url} answered ${statusCode} ${text}`)
  }
}

/** The time below which that share of the calls stayed. */
export function quantile(times: readonly number[], share: number): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
