import { type CallRate, rateText } from '#lib/registry/schema/conditions.ts'
import type { Denial } from '../schema.ts'
import type { GrantFacts } from './facts.ts'

/** How often a grant was used lately, as all brokers count it together: calls by sixtieths of the period, numbered since 1970, oldest first. */
export type GrantUseFacts = {
  readonly per: string
  readonly parts: readonly bigint[]
  readonly calls: readonly number[]
}

const partMs = { minute: 1000, hour: 60_000 } as const
const partsOfPeriod = 60

/** How many calls count at an instant, and how long until one more may go (null: it may). What `grant_use_take` would say, without counting. */
export function useOfRate(
  use: GrantUseFacts | null,
  { calls: most, per }: CallRate,
  at: Date,
): { used: number; waitMs: number | null } {
  const ofPart = partMs[per]
  const oldest = Math.floor(at.getTime() / ofPart) - partsOfPeriod
  const parts = (use?.per === per ? use.parts : [])
    .map((part, index) => ({ part: Number(part), calls: use!.calls[index] ?? 0 }))
    .filter(({ part }) => part >= oldest)
  const used = parts.reduce((sum, { calls }) => sum + calls, 0)
  if (used < most) return { used, waitMs: null }
  let left = used
  const ends = parts.find(({ calls }) => (left -= calls) < most)
  return { used, waitMs: ((ends?.part ?? oldest) + partsOfPeriod + 1) * ofPart - at.getTime() }
}

/** The refusal of a call under a grant that is used up. */
export function grantUsedUp({ id, rate }: GrantFacts, retryAfterMs: number): Denial {
  const { calls, per } = rate!
  return {
    rule: 'grant_rate',
    message: `The grant allows ${rateText({ calls, per })}; ${calls} of ${calls} are used. Try again in ${Math.ceil(retryAfterMs / 1000)} s.`,
    facts: { grant: id, calls, per, used: calls, retryAfterMs },
  }
}
