import type { Tier } from '#lib/registry/schema.ts'

/** How many days an agent of a tier goes on when nobody answers for it. */
export type GraceDays = Record<Tier, number>

/** When an agent that is orphaned since then is suspended. */
export function graceEnd(tier: Tier, { since, graceDays }: { since: Date; graceDays: GraceDays }): Date {
  return new Date(since.getTime() + graceDays[tier] * 86_400_000)
}

/** Why an agent whose grace is over is not resumed; null when it is. Resumed, it would be suspended again at once. */
export function resumeProblem(
  { suspendAt, accountableActive }: { suspendAt: Date | null; accountableActive: boolean },
  now: Date,
): string | null {
  if (suspendAt === null || suspendAt > now || accountableActive) return null
  return 'Nobody answers for it: take it over, and it goes on.'
}
