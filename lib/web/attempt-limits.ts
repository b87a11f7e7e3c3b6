import type { RateLimitUse } from '#lib/auth/commands/rate-limit.ts'
import { clientAddress } from './client-address.ts'

const minute = 60_000

/**
 * Sign-in attempts allowed a minute: 30 from one address, and 600 in all, because somebody may have many addresses.
 */
export function signInLimits(headers: Pick<Headers, 'get'>): RateLimitUse[] {
  return [
    { key: `sign-in:${clientAddress(headers)}`, limit: 30, windowMs: minute },
    { key: 'sign-in', limit: 600, windowMs: minute },
  ]
}

/** Access tokens that were not valid, allowed a minute from one address; good ones are never counted. */
export function badTokenLimit(headers: Pick<Headers, 'get'>): RateLimitUse {
  return { key: `bad-token:${clientAddress(headers)}`, limit: 60, windowMs: minute }
}
