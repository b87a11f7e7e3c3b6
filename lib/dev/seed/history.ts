import { costOf, promptTokensOf, type PriceEntry, priceFor, addDays } from '#lib/metrics/rules.ts'
import type { Usage } from '#lib/metrics/schema.ts'
import { createRandom, type Random } from '../demo/data/random.ts'
import { seedOf } from './demo-uuid.ts'
import type { PlannedAgent } from './fleet-plan.ts'

/** How far back the history goes, and for how many of its days, with today, each call is on record; of those before there are sums alone. */
export const historyDays = 90
export const recordedDays = 14

/** What one run of a template uses: requests, tool calls, and tokens of a typical run. */
const profiles: Record<PlannedAgent['templateId'], { model: string; requests: number; toolCalls: number; usage: Usage }> = {
  'invoice-reconciler': {
    model: 'claude-sonnet-5-5',
    requests: 11,
    toolCalls: 5,
    usage: { inputTokens: 24_000, outputTokens: 9_000, cacheReadTokens: 210_000, cacheWrite5mTokens: 58_000, cacheWrite1hTokens: 0 },
  },
  'ticket-triager': {
    model: 'claude-haiku-5-5',
    requests: 7,
    toolCalls: 3,
    usage: { inputTokens: 9_000, outputTokens: 3_500, cacheReadTokens: 60_000, cacheWrite5mTokens: 14_000, cacheWrite1hTokens: 0 },
  },
  'release-note-writer': {
    model: 'claude-sonnet-5-5',
    requests: 6,
    toolCalls: 3,
    usage: { inputTokens: 8_000, outputTokens: 4_200, cacheReadTokens: 44_000, cacheWrite5mTokens: 17_000, cacheWrite1hTokens: 0 },
  },
} // prettier-ignore

export type DayRow = {
  agentId: string
  day: Date
  runs: number
  succeeded: number
  failed: number
  escalatedRuns: number
  escalations: number
  toolCalls: number
  deniedCalls: number
  inputTokens: bigint
  outputTokens: bigint
  costMicros: bigint
  unpricedRequests: number
}

/**
 * One agent's day, drawn from its id and the date alone, so that a later seeding goes on where this one stopped. Null: no run that day.
 */
export function planDay(
  agent: PlannedAgent,
  options: { day: Date; today: Date; prices: readonly PriceEntry[] },
): DayRow | null {
  const daysAgo = Math.round((options.today.getTime() - options.day.getTime()) / 86_400_000)
  if (daysAgo > agent.createdDaysAgo || daysAgo < agent.quietSinceDaysAgo) return null
  const random = createRandom(seedOf(`${agent.id} ${options.day.toISOString().slice(0, 10)}`))
  const runs = Math.round(expectedRuns(agent, options.day, daysAgo) * (0.7 + random.next() * 0.6))
  if (runs === 0) return null
  const failed = times(runs, agent.behaviour === 'failing' ? 0.22 : 0.02, random)
  const escalatedRuns = times(runs, escalationRate(agent), random)
  const { usage, model, requests, toolCalls } = profiles[agent.templateId]
  const factor = runs * (0.85 + random.next() * 0.3)
  const dayUsage = scaled(usage, factor)
  const perRequest = scaled(usage, 1 / requests)
  const price = priceFor(options.prices, { model, promptTokens: promptTokensOf(perRequest), at: options.day })
  const cost = costOf(dayUsage, price)
  return {
    agentId: agent.id,
    day: options.day,
    runs,
    succeeded: runs - failed,
    failed,
    escalatedRuns,
    escalations: escalatedRuns + times(escalatedRuns, 0.4, random),
    toolCalls: Math.round(factor * toolCalls),
    deniedCalls: times(runs, agent.behaviour === 'failing' ? 0.3 : 0.015, random),
    inputTokens: BigInt(promptTokensOf(dayUsage)),
    outputTokens: BigInt(dayUsage.outputTokens),
    costMicros: cost ?? 0n,
    unpricedRequests: cost === null ? runs * requests : 0,
  }
}

/** A typical run's figures, varied. Cost is null when the price book has no price. */
export function planRunFigures(
  agent: PlannedAgent,
  options: { at: Date; prices: readonly PriceEntry[]; random: Random },
) {
  const { usage, model, requests, toolCalls } = profiles[agent.templateId]
  const used = scaled(usage, 0.7 + options.random.next() * 0.6)
  const promptTokens = Math.round(promptTokensOf(used) / requests)
  const price = priceFor(options.prices, { model, promptTokens, at: options.at })
  return {
    model,
    used,
    costMicros: costOf(used, price),
    turns: requests,
    toolCalls: toolCalls + options.random.int(-1, 2),
  }
}

/** Midnights from `from` days ago to today. */
export function daysSince(today: Date, from: number): Date[] {
  return Array.from({ length: from + 1 }, (_, index) => addDays(today, index - from))
}

function expectedRuns(agent: PlannedAgent, day: Date, daysAgo: number): number {
  const weekend = day.getUTCDay() === 0 || day.getUTCDay() === 6
  const growth =
    agent.behaviour === 'growing' ? 0.3 + (1.9 * (historyDays - Math.min(daysAgo, historyDays))) / historyDays : 1
  return agent.runsPerDay * (weekend ? 0.2 : 1) * growth
}

function escalationRate(agent: PlannedAgent): number {
  if (agent.behaviour === 'escalating') return 0.34 + (seedOf(agent.id) % 25) / 100
  if (agent.behaviour === 'failing') return 0.12
  return 0.02 + (seedOf(agent.id) % 6) / 100
}

/** How many of `count` tries come true. */
function times(count: number, probability: number, random: Random): number {
  let hits = 0
  for (let index = 0; index < count; index += 1) if (random.chance(probability)) hits += 1
  return hits
}

function scaled(usage: Usage, factor: number): Usage {
  return {
    inputTokens: Math.round(usage.inputTokens * factor),
    outputTokens: Math.round(usage.outputTokens * factor),
    cacheReadTokens: Math.round(usage.cacheReadTokens * factor),
    cacheWrite5mTokens: Math.round(usage.cacheWrite5mTokens * factor),
    cacheWrite1hTokens: 0,
  }
}
