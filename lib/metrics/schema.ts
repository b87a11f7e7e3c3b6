// Views are JSON as they are: times are ISO 8601 in UTC, money is micro-dollars as a decimal string.
import { z } from 'zod'
import { numberMax } from '#lib/core/count.ts'
import { instant } from '#lib/core/instant.ts'

export const metricsRange = z.strictObject({ days: z.coerce.number().int().min(1).max(400).default(30) })

export const agentMetricsQuery = metricsRange.extend({ agentId: z.string().min(1).max(100) })
export type AgentMetricsQuery = z.infer<typeof agentMetricsQuery>

/** One UTC day. Money is integer micro-dollars. Rates are 0 to 1, null without a run. */
export type DayPoint = {
  /** YYYY-MM-DD */
  day: string
  runs: number
  succeeded: number
  failed: number
  escalatedRuns: number
  escalationRate: number | null
  toolCalls: number
  deniedCalls: number
  costMicros: string
  /** What of it calls of tools cost, each at its price then. */
  callCostMicros: string
  /** Model requests without a price; their cost is not in `costMicros`. */
  unpricedRequests: number
}

/** Sums over a range: the same figures whatever the slice. */
export type Totals = Omit<DayPoint, 'day'>

/** `count` of `total` agents that are not retired. */
export type Coverage = { count: number; total: number }

export type FleetSummary = {
  days: number
  /** First and last day of the range, YYYY-MM-DD; the last one is today and unfinished. */
  from: string
  to: string
  series: DayPoint[]
  totals: Totals
  /** The same number of days before, to compare with. */
  previous: Totals
  agents: { active: number; provisioning: number; suspended: number; retired: number; demo: number }
  /** Agents with at least one run in the range. */
  usedAgents: number
  openRuns: number
  openEscalations: number
  month: MonthSpend
  coverage: { owner: Coverage; review: Coverage; template: Coverage; budget: Coverage }
  /** Part of the figures comes from the demo history or the scripted model. */
  simulated: { demoAgents: number; simulatedRuns: number }
}

/** A calendar month (UTC) against its budget. */
export type MonthSpend = {
  /** YYYY-MM */
  month: string
  spentMicros: string
  budgetMicros: string
  unpricedRequests: number
}

export type AgentMetrics = {
  agentId: string
  days: number
  from: string
  to: string
  series: DayPoint[]
  totals: Totals
  previous: Totals
  month: MonthSpend & { budgetSource: 'agent' | 'default' }
  lastRunAt: string | null
}

export const costGrouping = z.strictObject({
  days: metricsRange.shape.days,
  by: z.enum(['agent', 'team', 'cost_center']).default('team'),
})
export type CostGrouping = z.infer<typeof costGrouping>

export type CostRow = {
  key: string
  name: string
  runs: number
  costMicros: string
  unpricedRequests: number
}

export const retirementQuery = z.strictObject({
  /** Without a run for more than this many days. */
  idleDays: z.coerce.number().int().min(1).max(365).default(30),
  /** Escalated runs ÷ runs of the last 30 days, above. */
  escalationRate: z.coerce.number().min(0).max(1).default(0.25),
  /** Fewer runs than this say nothing about a rate. */
  minRuns: z.coerce.number().int().min(1).max(numberMax).default(20),
})
export type RetirementQuery = z.infer<typeof retirementQuery>

export type RetirementReason =
  | { kind: 'idle'; idleDays: number; lastRunAt: string | null }
  | { kind: 'escalates'; escalationRate: number; threshold: number; runs: number; escalatedRuns: number }

export type RetirementCandidate = {
  agentId: string
  name: string
  ownerTeamId: string
  ownerTeamName: string
  accountablePerson: { id: string; name: string }
  demo: boolean
  reasons: RetirementReason[]
  lastRunAt: string | null
  /** Last 30 days. */
  monthlyRuns: number
  escalationRate: number | null
  /** What the last 90 days cost, as an average of 30: what retiring it saves a month. */
  monthlySavingMicros: string
}

export type RetirementList = {
  items: RetirementCandidate[]
  /** Sum of the items' `monthlySavingMicros`. */
  monthlySavingMicros: string
  thresholds: RetirementQuery
}

/** One model request's usage, as Claude reports it. Tokens are counted once: `inputTokens` are the uncached ones. */
export type Usage = {
  inputTokens: number
  outputTokens: number
  cacheReadTokens: number
  cacheWrite5mTokens: number
  cacheWrite1hTokens: number
}

/** List prices in micro-dollars per million tokens; null: not known. */
export type PriceView = {
  id: string
  model: string
  effectiveFrom: string
  maxPromptTokens: number | null
  inputMicros: string | null
  outputMicros: string | null
  cacheReadMicros: string | null
  cacheWrite5mMicros: string | null
  cacheWrite1hMicros: string | null
  source: string
}

const micros = z.coerce.bigint().nonnegative().nullable().default(null)

/** A price from a date on; earlier usage keeps the price it was recorded with. What is left out is not known, which is not 0. */
export const addPriceInput = z.strictObject({
  model: z.string().trim().min(1).max(100),
  effectiveFrom: instant,
  maxPromptTokens: z.int().positive().max(numberMax).nullable().default(null),
  inputMicros: micros,
  outputMicros: micros,
  cacheReadMicros: micros,
  cacheWrite5mMicros: micros,
  cacheWrite1hMicros: micros,
  source: z.string().trim().min(3, 'Say where the price is published.').max(300),
})
export type AddPriceInput = z.input<typeof addPriceInput>
