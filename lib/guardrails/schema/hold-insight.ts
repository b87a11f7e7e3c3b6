import { z } from 'zod'
import { type Environment, environments, type PersonRef, type ToolClass, toolClasses } from '#lib/registry/schema.ts'
import type { HoldRuleView } from './held-calls.ts'

export const insightDays = [7, 30, 90] as const
export const holdInsightQuery = z.strictObject({
  days: z.coerce.number().pipe(z.literal(insightDays, 'Figures are kept for 7, 30 and 90 days.')).default(30),
})
export type HoldInsightQuery = z.infer<typeof holdInsightQuery>

/** When approving looks like a habit: so many decisions or more, almost all of them approved as they were, half of them faster than anybody reads. */
export const rubberStampLimits = { decisions: 20, approvedShare: 0.98, medianMs: 5000 } as const
export const rubberStampVerdicts = ['yes', 'no', 'insufficient_data'] as const
export type RubberStampVerdict = (typeof rubberStampVerdicts)[number]

/** From when on figures speak for a change of rules. */
export const suggestionLimits = {
  approvedInARow: 20,
  rejectedInARow: 5,
  ended: 10,
  expiredShare: 0.5,
  idleDays: 90,
} as const

export type DecisionFigures = {
  approved: number
  edited: number
  rejected: number
  /** From held to decided; null: nobody decided. */
  medianMs: number | null
  p90Ms: number | null
  rubberStamp: RubberStampVerdict
}

export type HoldFigures = DecisionFigures & {
  held: number
  waiting: number
  expired: number
  cancelled: number
  /** Calls that a person was asked about or would have been without the conditions on arguments; null: not counted. */
  met: number | null
}

export type RuleInsight = HoldFigures & {
  /** `id` null: a template asked. */
  rule: { id: string | null; title: string; removed: boolean; conditional: boolean }
}
export type DeciderInsight = DecisionFigures & { person: PersonRef }

/** A change of rules that figures speak for; what they are is in it. */
export type HoldSuggestion =
  | {
      kind: 'always_approved'
      rule: { id: string; title: string }
      approved: number
      /** Arguments that were a number in every one of these calls: above the largest a person was never asked. */
      narrower: { pointer: string; min: number; max: number; holdFrom: number }[]
    }
  | {
      kind: 'always_rejected'
      server: { id: string; name: string }
      tool: string
      rejected: number
      /** Whose calls they were; the first ten. */
      agents: { id: string; name: string }[]
    }
  | {
      kind: 'mostly_expired'
      rule: { id: string; title: string }
      ended: number
      expired: number
      decideSeconds: number
      deciderRoles: string[]
    }
  | { kind: 'never_met'; rule: { id: string; title: string }; createdAt: string; calls: number }

export type HoldInsight = {
  days: (typeof insightDays)[number]
  from: string
  /** `heldByRules`: of `held`, without what templates ask about; `met` is about rules, too. */
  overall: HoldFigures & { heldByRules: number }
  rules: RuleInsight[]
  deciders: DeciderInsight[]
  suggestions: HoldSuggestion[]
}

/** What a rule would be about, as far as records of calls tell. */
export const holdForecastQuery = z.strictObject({
  serverId: z.string().min(1).max(100).optional(),
  toolName: z.string().min(1).max(200).optional(),
  class: z.enum(toolClasses).optional(),
  environment: z.enum(environments).optional(),
})
export type HoldForecastQuery = z.infer<typeof holdForecastQuery>
export type HoldScope = Pick<HoldRuleView, 'serverId' | 'toolName'> & {
  class: ToolClass | null
  environment: Environment | null
}

/** Of the calls that were allowed in the last seven days, those that a rule is about. Arguments are not recorded, so conditions on them can only make it fewer. */
export type HoldForecast = { from: string; held: number; agents: number; calls: number }
