import type { Command } from 'commander'
import type { Coverage, FleetSummary, RetirementCandidate, RetirementList } from '#lib/metrics/schema.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import { type Column, facts } from '../table.ts'
import { count, day, money, percent } from '../text.ts'

export function addFleetCommands(program: Command, setup: Setup): void {
  addVerb<{ days: string }>(program, setup, {
    name: 'fleet',
    says: `Show the fleet over the last days: runs, cost, escalations, coverage, and agents that do not earn their keep.`,
    options: (command) => command.option('--days <days>', 'how many days', '30'),
    run: async (cli, { options: { days } }) => {
      const client = await cli.client()
      const summary = await client.call(routes.control.fleetSummary, { query: { days } })
      const candidates = await client.call(routes.control.retirementCandidates, {})
      cli.show({ ...summary, candidates }, () => `${summaryText(summary)}\n\n${candidatesText(candidates, cli)}`)
    },
  })
}

function summaryText(summary: FleetSummary): string {
  const { totals, previous, agents, month, coverage, simulated } = summary
  const priced = (micros: string, unpriced: number) =>
    `${unpriced > 0 ? '≥ ' : ''}${money(micros)}${unpriced > 0 ? ` (${count(unpriced, 'request')} without a price)` : ''}`
  return facts([
    ['Days', `${summary.from} to ${summary.to}`],
    [
      'Agents',
      `${agents.active} active, ${agents.provisioning} being created, ${agents.suspended} suspended, ${agents.retired} retired; ${summary.usedAgents} used`,
    ],
    [
      'Runs',
      `${totals.runs.toLocaleString('en-US')} (${previous.runs.toLocaleString('en-US')} before), ${summary.openRuns} open now`,
    ],
    ['Cost', `${priced(totals.costMicros, totals.unpricedRequests)} (${money(previous.costMicros)} before)`],
    ['Of that calls', totals.callCostMicros === '0' ? null : money(totals.callCostMicros)],
    [
      'Escalated',
      `${percent(totals.escalationRate)} (${percent(previous.escalationRate)} before), ${summary.openEscalations} open`,
    ],
    ['Denied calls', `${totals.deniedCalls.toLocaleString('en-US')} of ${totals.toolCalls.toLocaleString('en-US')}`],
    ['Month', `${priced(month.spentMicros, month.unpricedRequests)} of ${money(month.budgetMicros)} in ${month.month}`],
    [
      'Coverage',
      `owner ${covered(coverage.owner)}, review ${covered(coverage.review)}, newest template ${covered(coverage.template)}`,
    ],
    ['Simulated', simulatedText(simulated)],
  ])
}

function covered({ count: done, total }: Coverage): string {
  return `${done}/${total}`
}

function simulatedText({ demoAgents, simulatedRuns }: FleetSummary['simulated']): string | null {
  const parts = [
    demoAgents > 0 ? `${count(demoAgents, 'agent')} with a made-up history` : '',
    simulatedRuns > 0 ? `${count(simulatedRuns, 'run')} of the scripted model` : '',
  ]
  return parts.filter(Boolean).join(', ') || null
}

const candidateColumns: Column<RetirementCandidate>[] = [
  { title: 'CANDIDATE', value: (candidate) => candidate.agentId },
  { title: 'OWNER', value: (candidate) => candidate.ownerTeamId, widthMin: 10 },
  { title: 'WHY', value: (candidate) => candidate.reasons.map(reasonText).join('; '), widthMin: 20 },
  { title: 'LAST RUN', value: (candidate) => day(candidate.lastRunAt), dispensable: 1 },
  { title: 'SAVES/MONTH', value: (candidate) => money(candidate.monthlySavingMicros), align: 'right' },
]

function candidatesText({ items, monthlySavingMicros }: RetirementList, cli: Cli): string {
  if (items.length === 0) return 'Every agent earns its keep.'
  const saved = `Retiring ${count(items.length, 'candidate')} would save ${money(monthlySavingMicros)} a month.`
  return `${cli.table(candidateColumns, items)}\n\n${cli.terminal.style('dim', saved)}`
}

function reasonText(reason: RetirementCandidate['reasons'][number]): string {
  if (reason.kind === 'idle') return `idle for ${count(reason.idleDays, 'day')}`
  return `${percent(reason.escalationRate)} of ${count(reason.runs, 'run')} escalated`
}
