import type { Tier } from '#lib/registry/schema.ts'

/** How many days an agent of a tier goes on when nobody answers for it. */
export type GraceDays = Record<Tier, number>

/** When an agent that is orphaned since then is suspended. */
export function graceEnd(tier: Tier, { since, graceDays }: { since: Date; graceDays: GraceDays }): Date {
  return new Date(since.getTime() + graceDays[tier] * 86_400_000)
}
