import type { RateLimitUse } from '#lib/auth/commands/rate-limit.ts'

const minute = 60_000

/**
 * Sign-in attempts allowed a minute: 30 from one address, and 600 in all, because the address is the forwarding proxy's word for it and a
 * client could lie where there is none.
 */
export function signInLimits(headers: Pick<Headers, 'get'>): RateLimitUse[] {
  const address = headers.get('x-forwarded-for')?.split(',').at(-1)?.trim() || 'unknown'
  return [
    { key: `sign-in:${address.slice(0, 64)}`, limit: 30, windowMs: minute },
    { key: 'sign-in', limit: 600, windowMs: minute },
  ]
}
