import type { RateLimitUse } from '#lib/auth/commands/rate-limit.ts'

const minute = 60_000

/**
 * Sign-in attempts allowed a minute: 30 from one address, and 600 in all, because the address is the forwarding proxy's word for it and a
 * client could lie where there is none.
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

function clientAddress(headers: Pick<Headers, 'get'>): string {
  return (headers.get('x-forwarded-for')?.split(',').at(-1)?.trim() || 'unknown').slice(0, 64)
}
