import type { Command } from 'commander'
import {
  type DecisionFigures,
  type DeciderInsight,
  type HoldInsight,
  insightDays,
  type RuleInsight,
} from '#lib/guardrails/schema/hold-insight.ts'
import { suggestionText } from '#lib/guardrails/schema/suggestion-words.ts'
import { environments, toolClasses } from '#lib/registry/schema.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import type { Column } from '../table.ts'
import { count, oneLine } from '../text.ts'
import { choice } from './choices.ts'

/** The verbs about how holding works out: what it did, and what a rule would do. */
export function addInsightVerbs(approvals: Command, setup: Setup): void {
  addVerb<{ days: string }>(approvals, setup, {
    name: 'insight',
    says: 'Show how much is held, how fast and how people decide, and which rules the figures speak for changing.',
    options: (command) =>
      command.addOption(choice('--days <days>', 'so far back', insightDays.map(String)).default('30')),
    run: async (cli, { options: { days } }) => {
      const found = await (await cli.client()).call(routes.approvals.insight, { query: { days } })
      cli.show(found, () => describe(cli, found))
    },
  })
  addVerb<{ server?: string; tool?: string; class?: string; environment?: string }>(approvals, setup, {
    name: 'forecast-rule',
    says: 'Say what a rule would have held of the calls of the last seven days. Arguments are not recorded: conditions on them make it fewer.',
    examples: ['wheelhouse approvals forecast-rule --class write --environment production'],
    options: (command) =>
      command
        .option('--server <id>', 'on this MCP server')
        .option('--tool <name>', 'only this tool of the server')
        .addOption(choice('--class <class>', 'of this class and those above', [...toolClasses]))
        .addOption(choice('--environment <environment>', 'of servers in it', [...environments])),
    run: async (cli, { options: { server, tool, class: toolClass, environment } }) => {
      const query = { serverId: server, toolName: tool, class: toolClass, environment }
      const forecast = await (await cli.client()).call(routes.approvals.forecast, { query: query as object })
      const { held, calls, agents, from } = forecast
      cli.show(
        forecast,
        () => `It would have held ${held} of ${count(calls, 'call')} since ${from}, of ${count(agents, 'agent')}.`,
      )
    },
  })
}

function describe(cli: Cli, { from, rules, deciders, suggestions }: HoldInsight): string {
  const parts = [`Since ${from}.`, cli.table(ruleColumns, rules)]
  if (deciders.length > 0) parts.push(cli.table(deciderColumns, deciders))
  if (suggestions.length > 0) parts.push(suggestions.map((each) => `- ${oneLine(suggestionText(each))}`).join('\n'))
  return parts.join('\n\n')
}

const seconds = (ms: number | null) => (ms === null ? '–' : `${(ms / 1000).toFixed(1)} s`)

function decisionColumns<Row extends DecisionFigures>(): Column<Row>[] {
  return [
    { title: 'APPROVED', value: (row) => String(row.approved), align: 'right' },
    { title: 'EDITED', value: (row) => String(row.edited), align: 'right', dispensable: 1 },
    { title: 'REJECTED', value: (row) => String(row.rejected), align: 'right' },
    { title: 'MEDIAN', value: (row) => seconds(row.medianMs), align: 'right' },
    { title: 'P90', value: (row) => seconds(row.p90Ms), align: 'right', dispensable: 2 },
    { title: 'RUBBER STAMP', value: (row) => row.rubberStamp.replace('_', ' '), dispensable: 3 },
  ]
}

const ruleColumns: Column<RuleInsight>[] = [
  { title: 'RULE', value: ({ rule }) => oneLine(rule.title), widthMin: 12 },
  { title: 'HELD', value: ({ held }) => String(held), align: 'right' },
  { title: 'OF', value: ({ met }) => (met === null ? '–' : String(met)), align: 'right' },
  ...decisionColumns<RuleInsight>(),
]
const deciderColumns: Column<DeciderInsight>[] = [
  { title: 'PERSON', value: ({ person }) => oneLine(person.name), widthMin: 12 },
  ...decisionColumns<DeciderInsight>(),
]
