import { z } from 'zod'
import { listRuns } from '#lib/harness/queries.ts'
import { runStates } from '#lib/harness/schema.ts'
import { fleetSummary } from '#lib/metrics/queries.ts'
import type { Totals } from '#lib/metrics/schema.ts'
import { registryTool } from '../tool.ts'
import { agentId, count, cursor, dollars, line, pageLimit } from '../words.ts'

const totals = z.object({
  runs: z.int(),
  succeeded: z.int(),
  failed: z.int(),
  escalatedRuns: z.int(),
  escalationRate: z.number().nullable(),
  toolCalls: z.int(),
  deniedCalls: z.int(),
  costUsd: z.number(),
  callCostUsd: z.number().describe('What of the cost calls of tools with a price make up.'),
})

const coverage = z.object({ count: z.int(), total: z.int() })

export const figures = registryTool({
  name: 'get_fleet',
  title: 'Fleet figures',
  description:
    'The whole fleet over the last days, with the same number of days before to compare: runs, escalations, cost, agents by status, open runs, spend of this month against its budget, and how many agents have an owner, a current review, a current template and a budget.',
  permission: 'fleet:read',
  input: z.strictObject({ days: z.int().min(1).max(400).default(30) }),
  output: z.object({
    days: z.int(),
    from: z.string(),
    to: z.string(),
    totals,
    previous: totals,
    agents: z.object({ active: z.int(), provisioning: z.int(), suspended: z.int(), retired: z.int() }),
    usedAgents: z.int(),
    openRuns: z.int(),
    openEscalations: z.int(),
    month: z.object({ month: z.string(), spentUsd: z.number(), budgetUsd: z.number() }),
    coverage: z.object({ owner: coverage, review: coverage, template: coverage, budget: coverage }),
    simulated: z.boolean().describe('Part of the figures comes from demo history or the scripted model.'),
  }),
  async run(ctx, { days }) {
    const fleet = await fleetSummary(ctx, { days })
    const { active, provisioning, suspended, retired } = fleet.agents
    const now = totalsOf(fleet.totals)
    const before = totalsOf(fleet.previous)
    const spent = dollars(fleet.month.spentMicros)
    const budget = dollars(fleet.month.budgetMicros)
    return {
      structured: {
        days,
        from: fleet.from,
        to: fleet.to,
        totals: now,
        previous: before,
        agents: { active, provisioning, suspended, retired },
        usedAgents: fleet.usedAgents,
        openRuns: fleet.openRuns,
        openEscalations: fleet.openEscalations,
        month: { month: fleet.month.month, spentUsd: spent, budgetUsd: budget },
        coverage: fleet.coverage,
        simulated: fleet.simulated.demoAgents > 0 || fleet.simulated.simulatedRuns > 0,
      },
      text: [
        `${fleet.from} to ${fleet.to}: ${count(now.runs, 'run')} (before: ${before.runs}), $${now.costUsd.toFixed(2)} (before: $${before.costUsd.toFixed(2)}), escalation rate ${now.escalationRate ?? 'none'}`,
        `agents: ${active} active, ${provisioning} provisioning, ${suspended} suspended, ${retired} retired; ${fleet.usedAgents} had a run`,
        `${fleet.openRuns} open runs, ${fleet.openEscalations} open escalations; ${fleet.month.month}: $${spent.toFixed(2)} of $${budget.toFixed(2)}`,
      ].join('\n'),
    }
  },
})

function totalsOf({ costMicros, callCostMicros, ...sums }: Totals): z.input<typeof totals> {
  const { runs, succeeded, failed, escalatedRuns, escalationRate, toolCalls, deniedCalls } = sums
  return {
    runs,
    succeeded,
    failed,
    escalatedRuns,
    escalationRate,
    toolCalls,
    deniedCalls,
    costUsd: dollars(costMicros),
    callCostUsd: dollars(callCostMicros),
  }
}

export const runs = registryTool({
  name: 'list_runs',
  title: 'List runs',
  description:
    'Runs of an agent, or of all, newest first: state, why it was stopped or refused (rule), cost, tool calls, denials, escalations, and its own summary.',
  permission: 'runs:read',
  input: z.strictObject({
    agentId: agentId.optional(),
    state: z.enum(runStates).optional(),
    limit: pageLimit(20, 100),
    cursor: cursor.unwrap().max(200).optional(),
  }),
  output: z.object({
    total: z.int(),
    runs: z.array(
      z.object({
        id: z.string(),
        agentId: z.string(),
        version: z.int(),
        trigger: z.string(),
        state: z.string(),
        rule: z.string().nullable(),
        createdAt: z.string(),
        endedAt: z.string().nullable(),
        costUsd: z.number().nullable(),
        toolCalls: z.int(),
        deniedCalls: z.int(),
        escalations: z.int(),
        summary: z.string().nullable(),
      }),
    ),
    nextCursor: z.string().nullable(),
  }),
  agentOf: (input) => input.agentId,
  async run(ctx, { agentId: agent, ...page }) {
    const found = await listRuns(ctx, { agent, ...page })
    const shown = found.items.map((run) => ({
      id: run.id,
      agentId: run.agentId,
      version: run.agentVersion,
      trigger: run.trigger,
      state: run.state,
      rule: run.rule,
      createdAt: run.createdAt,
      endedAt: run.endedAt,
      costUsd: run.costMicros === null ? null : dollars(run.costMicros),
      toolCalls: run.toolCalls,
      deniedCalls: run.deniedCalls,
      escalations: run.escalationCount,
      summary: run.summary,
    }))
    const lines = shown.map(
      (run) =>
        `${run.createdAt} ${run.agentId} v${run.version} ${run.state}${run.rule ? ` (${run.rule})` : ''}, ${count(run.toolCalls, 'call')}, ${run.deniedCalls} denied${run.summary ? `: ${line(run.summary)}` : ''}`,
    )
    return {
      structured: { total: found.total, runs: shown, nextCursor: found.nextCursor },
      text: [
        `${count(found.total, 'run')}${shown.length < found.total ? `, ${shown.length} shown` : ''}`,
        ...lines,
      ].join('\n'),
    }
  },
})
