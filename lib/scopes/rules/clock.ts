import type { ApprovalRuleFacts } from './approval-policy.ts'

/** By when something that waits for somebody should be decided, and when those who are asked are reminded of it. */
export type Clock = { dueAt: Date; remindAt: Date }

/** What was told of it; null: not yet. */
export type Told = { remindedAt: Date | null; overdueToldAt: Date | null; escalations: number }

const hourMs = 3_600_000

/** Its time runs from when it was asked for, or changed last; the rule that fits says how long, and after which part of that those who are asked are reminded. */
export function clockOf(
  { dueHours, remindPercent }: Pick<ApprovalRuleFacts, 'dueHours' | 'remindPercent'>,
  askedAt: Date,
): Clock {
  const ms = dueHours * hourMs
  return { dueAt: new Date(askedAt.getTime() + ms), remindAt: new Date(askedAt.getTime() + (ms * remindPercent) / 100) }
}

/** What was told of a time that holds no more counts no more, as far as the new time is still to come. */
export function toldBy({ dueAt, remindAt }: Clock, told: Told, now: Date): Told {
  return {
    remindedAt: remindAt > now ? null : told.remindedAt,
    overdueToldAt: dueAt > now ? null : told.overdueToldAt,
    escalations: dueAt > now ? 0 : told.escalations,
  }
}
