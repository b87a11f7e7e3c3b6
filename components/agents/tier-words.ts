import type { Tier } from '#lib/registry/schema.ts'

/** What a tier is for, where somebody chooses one. */
export const tierWords: Record<Tier, string> = {
  low: 'low: reads, reviewed once a year',
  medium: 'medium: writes outside of production',
  high: 'high: writes to production or touches restricted data',
}
