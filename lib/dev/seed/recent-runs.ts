import type { Prisma } from '#lib/db/generated/client.ts'
import type { PriceEntry } from '#lib/metrics/rules.ts'
import { createRandom, type Random } from '../demo/data/random.ts'
import { demoUuid, seedOf } from './demo-uuid.ts'
import type { PlannedAgent } from './fleet-plan.ts'
import { type DayRow, planRunFigures } from './history.ts'

export type RecentRuns = {
  runs: Prisma.RunCreateManyInput[]
  events: Prisma.RunEventCreateManyInput[]
  escalations: Prisma.EscalationCreateManyInput[]
}

/** The last runs an agent is shown with, on its last days with runs; the day roll-ups count many more. */
const runsShown = 3
const note = 'This run belongs to the demo history: it never ran, so there is no log of it.'

export const words: Record<
  PlannedAgent['templateId'],
  { input: string; summary: string; findings: readonly [string, string, string][] }
> = {
  'invoice-reconciler': {
    input: 'Reconcile all invoices with their purchase orders and escalate every discrepancy you find.',
    summary: 'Invoices and purchase orders were compared; what did not fit was escalated.',
    findings: [
      ['amount_mismatch', 'Amount differs from the order', 'The unit price is above the one ordered.'],
      ['missing_po', 'No order for an invoice', 'The order number on the invoice is unknown.'],
      ['duplicate_invoice', 'Invoice came twice', 'The same supplier reference was billed before.'],
    ],
  },
  'ticket-triager': {
    input: 'Triage the tickets that have no priority yet.',
    summary: 'New tickets were given a priority and a team.',
    findings: [
      ['p1', 'Outage reported', 'A customer reports that nothing can be paid.'],
      ['p1', 'Possible data leak', 'A customer saw the data of somebody else.'],
    ],
  },
  'release-note-writer': {
    input: 'Write the release notes for the latest deploys.',
    summary: 'Release notes were written from the deploy log.',
    findings: [['ticket_still_open', 'A fix is out but its ticket is open', 'The notes leave it out.']],
  },
}

/** A few runs for the last days of an agent that had none since calls are on record, consistent with what these days counted, clearly marked as demo. */
export function planRecentRuns(
  agent: PlannedAgent,
  options: { days: readonly DayRow[]; now: Date; prices: readonly PriceEntry[] },
): RecentRuns {
  const random = createRandom(seedOf(`runs of ${agent.id}`))
  const planned: RecentRuns = { runs: [], events: [], escalations: [] }
  const days = options.days.filter((day) => day.runs > 0).slice(-runsShown)
  for (const [position, day] of days.entries()) {
    const startMs = Math.min(
      day.day.getTime() + random.int(5 * 60, 17 * 60) * 60_000,
      options.now.getTime() - 900_000 - position * 60_000,
    )
    addRun(planned, { agent, day, at: new Date(startMs), now: options.now, random, prices: options.prices })
  }
  return planned
}

function addRun(
  planned: RecentRuns,
  options: {
    agent: PlannedAgent
    day: DayRow
    at: Date
    now: Date
    random: Random
    prices: readonly PriceEntry[]
  },
): void {
  const { agent, day, at, random } = options
  const text = words[agent.templateId]
  const id = demoUuid(`run ${agent.id} ${day.day.toISOString().slice(0, 10)}`)
  const figures = planRunFigures(agent, { at, prices: options.prices, random })
  const failed = day.failed > 0 && random.chance(day.failed / day.runs + 0.1)
  const escalated = day.escalatedRuns > 0 && random.chance(day.escalatedRuns / day.runs + 0.1)
  const activeMs = random.int(35_000, 260_000)
  const endedAt = new Date(at.getTime() + activeMs + random.int(2_000, 20_000))
  planned.runs.push({
    id,
    agentId: agent.id,
    agentVersion: 1,
    trigger: agent.schedule ? 'schedule' : 'manual',
    state: failed ? 'failed' : 'succeeded',
    input: text.input,
    simulated: true,
    demo: true,
    createdAt: at,
    startedAt: new Date(at.getTime() + 1_500),
    endedAt,
    stopReason: failed ? 'error' : 'end_turn',
    error: failed ? 'A tool did not answer in time.' : null,
    summary: failed ? null : text.summary,
    model: figures.model,
    inputTokens: BigInt(figures.used.inputTokens),
    outputTokens: BigInt(figures.used.outputTokens),
    cacheReadTokens: BigInt(figures.used.cacheReadTokens),
    cacheWriteTokens: BigInt(figures.used.cacheWrite5mTokens),
    costMicros: figures.costMicros,
    activeMs: BigInt(activeMs),
    turns: figures.turns,
    toolCalls: figures.toolCalls,
    deniedCalls: failed && day.deniedCalls > 0 ? 1 : 0,
    escalationCount: escalated ? 1 : 0,
  })
  planned.events.push({ runId: id, seq: 1, at, kind: 'note', payload: { text: note } })
  if (!escalated) return
  const [category, title, summary] = random.pick(text.findings)
  // Nobody has resolved it after now.
  const resolvedAt = random.chance(0.6) ? new Date(endedAt.getTime() + random.int(10, 600) * 60_000) : null
  planned.escalations.push({
    id: demoUuid(`escalation ${id}`),
    runId: id,
    agentId: agent.id,
    kind: 'escalate',
    title,
    detail: { kind: category === 'p1' ? 'urgent' : 'finding', title, summary, severity: 'medium', category },
    createdAt: endedAt,
    resolvedAt: resolvedAt && resolvedAt < options.now ? resolvedAt : null,
    sourceId: `demo-${id}`,
  })
}
