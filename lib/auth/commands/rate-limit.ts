import { DomainError } from '#lib/core/errors.ts'
import type { Db } from '#lib/db/client.ts'

export type RateLimitUse = {
  /** What is limited and for whom, e.g. `sign-in:203.0.113.7`. */
  key: string
  /** Uses allowed in one window. */
  limit: number
  windowMs: number
  now?: Date
}

/**
 * Counts one use in the current fixed window, over all replicas, and throws `rate_limited` with `retryAfterSeconds` when it is one too
 * many. Refused uses count too, so hammering does not help.
 */
export async function takeFromRateLimit(db: Db, use: RateLimitUse): Promise<void> {
  const now = use.now ?? new Date()
  const start = windowStart(now, use.windowMs)
  const count = await countUses(db, { ...use, now, uses: 1 })
  if (count <= use.limit) return
  const retryAfterSeconds = Math.max(1, Math.ceil((start + use.windowMs - now.getTime()) / 1000))
  throw new DomainError('rate_limited', `Too many attempts. Try again in ${retryAfterSeconds} s.`, {
    rule: 'rate-limit',
    retryAfterSeconds,
  })
}

/** Counts so many uses of a key in its current window, over all replicas; says how many there are with them. */
export async function countUses(
  db: Db,
  { key, windowMs, now, uses }: { key: string; windowMs: number; now: Date; uses: number },
): Promise<number> {
  const start = new Date(windowStart(now, windowMs))
  const rows = await db.$queryRaw<{ count: number }[]>`
    insert into "RateLimit" ("key", "windowStart", "count") values (${key}, ${start}, ${uses})
    on conflict ("key", "windowStart") do update set "count" = "RateLimit"."count" + ${uses}
    returning "count"`
  const count = rows[0]?.count ?? uses
  // The first use of a window clears what earlier windows of this key left behind.
  if (count === uses) await db.rateLimit.deleteMany({ where: { key, windowStart: { lt: start } } })
  return count
}

function windowStart(now: Date, windowMs: number): number {
  return Math.floor(now.getTime() / windowMs) * windowMs
}

/** No window is longer than an hour. */
const keptMs = 2 * 60 * 60_000

/** Deletes what ended windows have left behind, of keys that nobody used again; returns how many rows. The worker calls it every hour. */
export async function forgetRateLimits(db: Db, now: Date): Promise<number> {
  const { count } = await db.rateLimit.deleteMany({ where: { windowStart: { lt: new Date(now.getTime() - keptMs) } } })
  return count
}
