import { countUses } from '#lib/auth/commands/rate-limit.ts'
import type { Actor } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Db } from '#lib/db/client.ts'

const windowMs = 60_000

/** How a caller stands after a request. */
export type ApiUse = { policy: 'read' | 'write'; limit: number; remaining: number; resetSeconds: number }

type Taken = { window: number; left: number; counted: number }

/** What this process has taken of the shared count and not used yet, by caller and policy. */
const taken = new Map<string, Taken>()
const takenMax = 10_000

/**
 * Counts a request of a token (or of a person in a browser) in its minute, over all replicas: uses are taken from the count in PostgreSQL a
 * few at a time, so that most requests cost no statement. What a replica has taken and does not use is lost for the minute, never given twice.
 */
export async function countRequest(
  db: Db,
  { actor, policy, limit, now }: { actor: Actor; policy: ApiUse['policy']; limit: number; now: Date },
): Promise<ApiUse> {
  const window = Math.floor(now.getTime() / windowMs)
  const key = `api-${policy}:${actor.kind === 'person' && actor.tokenId ? actor.tokenId : actor.id}`
  const mine = await leaseOf(db, { key, window, limit, now })
  const resetSeconds = Math.max(1, Math.ceil(((window + 1) * windowMs - now.getTime()) / 1000))
  const allowed = mine.left > 0
  mine.left -= allowed ? 1 : 0
  const remaining = Math.max(0, limit - mine.counted) + mine.left
  return { policy, limit, remaining: allowed ? remaining : -1, resetSeconds }
}

async function leaseOf(
  db: Db,
  { key, window, limit, now }: { key: string; window: number; limit: number; now: Date },
): Promise<Taken> {
  const known = taken.get(key)
  // What was refused in this minute stays so without asking again.
  if (known?.window === window && (known.left > 0 || known.counted >= limit)) return known
  // A twentieth at a time: with a few replicas little is lost.
  const uses = Math.max(1, Math.ceil(limit / 20))
  const counted = await countUses(db, { key, windowMs, now, uses })
  const granted = Math.max(0, Math.min(uses, limit - (counted - uses)))
  const before = taken.get(key)
  const left = granted + (before?.window === window ? before.left : 0)
  if (!before && taken.size >= takenMax) taken.clear()
  const lease = { window, left, counted }
  taken.set(key, lease)
  return lease
}

/** Refuses what is one request too many. */
export function refuseOverLimit({ policy, limit, remaining, resetSeconds }: ApiUse): void {
  if (remaining >= 0) return
  const what = policy === 'read' ? 'reads' : 'writes'
  throw new DomainError('rate_limited', `More than ${limit} ${what} in a minute. Go on in ${resetSeconds} s.`, {
    rule: `api:${policy}_rate`,
    retryAfterSeconds: resetSeconds,
  })
}

/** RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10). */
export function limitHeaders({ policy, limit, remaining, resetSeconds }: ApiUse): Record<string, string> {
  return {
    'ratelimit-policy': `"${policy}";q=${limit};w=${windowMs / 1000}`,
    ratelimit: `"${policy}";r=${Math.max(0, remaining)};t=${resetSeconds}`,
  }
}
