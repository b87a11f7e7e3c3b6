import type { PriceEntry } from '#lib/metrics/rules.ts'
import { createRandom, type Random } from '../../demo/data/random.ts'
import { argumentsFor } from '../arguments.ts'
import { callsOf, type Share, type ToolRef } from '../calls.ts'
import { demoUuid, seedOf } from '../demo-uuid.ts'
import type { PlannedAgent } from '../fleet-plan.ts'
import { type DayRow, planDay, planRunFigures } from '../history.ts'
import { working } from '../traffic.ts'

/** A call that an agent makes in a run; what comes of it is for the policies. */
export type PlannedCall = ToolRef & { at: Date; ms: number; arguments: Record<string, unknown>; fails: boolean }

export type PlannedRun = {
  id: string
  agent: PlannedAgent
  at: Date
  endedAt: Date
  activeMs: number
  failed: boolean
  escalations: number
  figures: ReturnType<typeof planRunFigures>
  calls: readonly PlannedCall[]
  /** To draw from what is told of it. */
  random: Random
}

const hourMs = 3_600_000
/** Before midnight nothing begins. */
const latestMs = 25 * 60_000
const failsShare = 0.008
/** Of the runs of an agent that tries what it is not granted again and again. */
const insistsShare = 0.3

/** The runs of an agent's day, each with its calls, drawn from the agent and the date alone. */
export function planRuns(
  agent: PlannedAgent,
  options: { day: Date; today: Date; prices: readonly PriceEntry[] },
): PlannedRun[] {
  const planned = planDay(agent, options)
  if (!planned) return []
  return Array.from({ length: planned.runs }, (_, at) => planRun(agent, { at, planned, prices: options.prices }))
}

function planRun(
  agent: PlannedAgent,
  { at: position, planned, prices }: { at: number; planned: DayRow; prices: readonly PriceEntry[] },
): PlannedRun {
  const name = `run ${agent.id} ${planned.day.toISOString().slice(0, 10)} ${position}`
  const random = createRandom(seedOf(name))
  const at = new Date(planned.day.getTime() + startOf(random))
  const figures = planRunFigures(agent, { at, prices, random })
  const activeMs = random.int(35_000, 260_000)
  // Those that failed, escalated and were refused something are different ones, as far as there are enough.
  const isAmong = (count: number, from: number) => (position + from) % planned.runs < count
  const failed = isAmong(planned.failed, 0)
  const escalations = isAmong(planned.escalatedRuns, planned.failed) ? 1 : 0
  const { insists } = callsOf(agent)
  const refused = insists
    ? random.chance(insistsShare)
    : isAmong(planned.deniedCalls, planned.failed + planned.escalatedRuns)
  const calls = planCalls(agent, { at, activeMs, count: Math.max(1, figures.toolCalls), refused, random })
  return {
    id: demoUuid(name),
    agent,
    at,
    endedAt: new Date(at.getTime() + activeMs + random.int(2_000, 20_000)),
    activeMs,
    failed,
    escalations,
    figures,
    calls,
    random,
  }
}

function planCalls(
  agent: PlannedAgent,
  of: { at: Date; activeMs: number; count: number; refused: boolean; random: Random },
): PlannedCall[] {
  const { random, count } = of
  const { calls, refused } = callsOf(agent)
  const targets = Array.from({ length: count }, (): ToolRef => drawn(calls, random))
  if (of.refused) targets.push(refused)
  return targets.map(({ server, tool }, position) => ({
    server,
    tool,
    at: new Date(
      of.at.getTime() + 2_000 + Math.floor((of.activeMs * (position + random.next())) / (targets.length + 1)),
    ),
    // Most take some tens of milliseconds, a few a second.
    ms: Math.round(9 * Math.exp(random.next() ** 2 * 4.6)),
    arguments: argumentsFor(random, { agentId: agent.id, server, tool }) as Record<string, unknown>,
    fails: random.chance(failsShare),
  }))
}

/** Milliseconds from midnight; so that it ends on the same day, whoever it has to wait for. */
function startOf(random: Random): number {
  const hour = position(working, random)
  return Math.min(hour * hourMs + random.int(0, hourMs - 1), 24 * hourMs - latestMs)
}

function drawn(shares: readonly Share[], random: Random): Share {
  return shares[
    position(
      shares.map(({ share }) => share),
      random,
    )
  ]!
}

/** Of one of them, as likely as its weight. */
function position(weights: readonly number[], random: Random): number {
  let rest = random.next() * weights.reduce((sum, weight) => sum + weight, 0)
  const found = weights.findIndex((weight) => (rest -= weight) < 0)
  return found < 0 ? weights.length - 1 : found
}
