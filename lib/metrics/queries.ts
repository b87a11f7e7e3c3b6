import type { Ctx } from '#lib/auth/ctx.ts'
import type {
  AgentMetrics,
  AgentMetricsQuery,
  CostGrouping,
  CostRow,
  FleetSummary,
  PriceView,
  RetirementList,
  RetirementQuery,
} from './schema.ts'

/** The fleet over the last days, from the roll-ups: a series without gaps, totals, the range before, coverage. Needs `fleet:read`. */
export async function fleetSummary(ctx: Ctx, query: { days: number }): Promise<FleetSummary> {
  throw new Error(`not built yet ${String(ctx)} ${String(query)}`)
}

/** One agent over the last days. Needs `fleet:read`; throws `not_found`. */
export async function agentMetrics(ctx: Ctx, query: AgentMetricsQuery): Promise<AgentMetrics> {
  throw new Error(`not built yet ${String(ctx)} ${String(query)}`)
}

/** Cost of the last days by agent, team or cost centre, dearest first; the rows add up to the fleet's total. Needs `fleet:read`. */
export async function costBy(ctx: Ctx, query: CostGrouping): Promise<CostRow[]> {
  throw new Error(`not built yet ${String(ctx)} ${String(query)}`)
}

/** Agents that are idle or escalate too much, with the figures that say so and what retiring them saves. Needs `fleet:read`. */
export async function retirementCandidates(ctx: Ctx, query?: Partial<RetirementQuery>): Promise<RetirementList> {
  throw new Error(`not built yet ${String(ctx)} ${String(query)}`)
}

/** The price book, newest first per model. Needs `fleet:read`. */
export async function listPrices(ctx: Ctx): Promise<PriceView[]> {
  throw new Error(`not built yet ${String(ctx)}`)
}
