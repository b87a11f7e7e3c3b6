import {
  type HoldSuggestion,
  type RubberStampVerdict,
  rubberStampLimits,
  suggestionLimits,
} from '../schema/hold-insight.ts'

/** Whether approving looks like a habit. With few decisions nobody can tell. */
export function rubberStampOf(figures: {
  approved: number
  edited: number
  rejected: number
  medianMs: number | null
}): RubberStampVerdict {
  const { approved, edited, rejected, medianMs } = figures
  const decisions = approved + edited + rejected
  if (decisions < rubberStampLimits.decisions || medianMs === null) return 'insufficient_data'
  const isHabit = approved / decisions >= rubberStampLimits.approvedShare && medianMs < rubberStampLimits.medianMs
  return isHabit ? 'yes' : 'no'
}

/** What came of the calls of a rule that is in force. */
export type RuleRecord = {
  id: string
  title: string
  createdAt: Date
  decideSeconds: number
  deciderRoles: string[]
  approved: number
  edited: number
  rejected: number
  expired: number
  /** Held in the last `suggestionLimits.idleDays` days. */
  heldLately: number
  /** Calls that it is about in these days, whatever their arguments. */
  callsLately: number
}

/** A number that an argument was in every approved call of a rule. */
export type NumberRecord = { ruleId: string; name: string; count: number; min: number; max: number; integers: boolean }

const narrowerMax = 3

/** What figures say about a rule; nothing where they are too few. */
export function ruleSuggestions(
  rule: RuleRecord,
  { numbers, now }: { numbers: readonly NumberRecord[]; now: Date },
): HoldSuggestion[] {
  const { id, title, approved, expired } = rule
  const about = { id, title }
  const decided = approved + rule.edited + rule.rejected
  const ended = decided + expired
  const suggestions: HoldSuggestion[] = []
  if (approved >= suggestionLimits.approvedInARow && approved === ended) {
    const narrower = numbers
      .filter(({ ruleId, count }) => ruleId === id && count === approved)
      .slice(0, narrowerMax)
      .map(({ name, min, max, integers }) => ({
        pointer: pointerTo(name),
        min,
        max,
        holdFrom: integers ? max + 1 : max,
      }))
    suggestions.push({ kind: 'always_approved', rule: about, approved, narrower })
  }
  if (ended >= suggestionLimits.ended && expired / ended >= suggestionLimits.expiredShare) {
    const { decideSeconds, deciderRoles } = rule
    suggestions.push({ kind: 'mostly_expired', rule: about, ended, expired, decideSeconds, deciderRoles })
  }
  const isOld = now.getTime() - rule.createdAt.getTime() >= suggestionLimits.idleDays * 86_400_000
  if (isOld && rule.heldLately === 0) {
    const createdAt = rule.createdAt.toISOString()
    suggestions.push({ kind: 'never_met', rule: about, createdAt, calls: rule.callsLately })
  }
  return suggestions
}

/** RFC 6901. */
function pointerTo(name: string): string {
  return `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
}
