import type { Command } from 'commander'
import type { ServerTools, StaleToolset } from '#lib/scopes/schema/toolsets.ts'
import { conditionText } from '#lib/registry/schema/conditions.ts'
import {
  conditionBar,
  type FleetProposal,
  type GrantUsage,
  type NarrowGrantInput,
  narrowGrantInput,
  type ToolConditions,
  type UnusedGrant,
} from '#lib/scopes/schema/usage.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import type { Column } from '../table.ts'
import { count, day, minute, plain } from '../text.ts'
import { scopeText } from './agent-table.ts'
import { choice } from './choices.ts'

/** The verbs about which grants are needed, below `scopes`. */
export function addUsageVerbs(scopes: Command, setup: Setup): void {
  addVerb<{ days: string } & BarOptions>(scopes, setup, {
    name: 'usage <agent>',
    says: 'Show which of its grants the calls of an agent needed, and which tools would have been enough.',
    options: (command) => withBar(command.option('--days <number>', 'how far back, up to 400', '30')),
    run: async (cli, { args: [id = ''], options }) => {
      const query = { days: Number(options.days), ...barOf(options) }
      const list = await (await cli.client()).all(routes.usage.ofAgent, { params: { id }, query })
      cli.show(list, () =>
        list.items.length === 0 ? `${plain(id)} holds no grant.` : cli.table(usageColumns, list.items),
      )
    },
  })
  addVerb<{ days: string; owner?: string; limit: string }>(scopes, setup, {
    name: 'unused',
    says: 'List grants that no call needed for so many days.',
    options: (command) =>
      command
        .option('--days <number>', 'how far back, up to 400', '30')
        .option('--owner <team>', 'of agents of this team')
        .option('--limit <rows>', 'how many at most', '50'),
    run: async (cli, { options: { days, owner, limit } }) => {
      const list = await (await cli.client()).call(routes.usage.unused, { query: { days, ownerTeamId: owner, limit } })
      cli.show(list, () => (list.items.length === 0 ? 'Every grant was needed.' : cli.table(unusedColumns, list.items)))
    },
  })
  addVerb<{ days: string; owner?: string; kind?: string; limit: string } & BarOptions>(scopes, setup, {
    name: 'proposals',
    says: 'List how grants could be less, from what their agents called, with the denials it would have caused.',
    options: (command) =>
      withBar(
        command
          .option('--days <number>', 'how far back, up to 400', '30')
          .addOption(choice('--kind <kind>', 'only these', ['revoke', 'narrow']))
          .option('--owner <team>', 'of agents of this team')
          .option('--limit <rows>', 'how many at most', '50'),
      ),
    run: async (cli, { options: { days, owner, kind, limit, ...bar } }) => {
      const query = { days, ownerTeamId: owner, kind: kind as 'revoke' | 'narrow' | undefined, limit, ...barOf(bar) }
      const list = await (await cli.client()).call(routes.usage.proposals, { query })
      cli.show(list, () => (list.items.length === 0 ? 'Nothing to propose.' : cli.table(proposalColumns, list.items)))
    },
  })
  addVerb(scopes, setup, {
    name: 'sessions <agent>',
    says: 'List open sessions that list other tools at Claude than the agent has now.',
    run: async (cli, { args: [id = ''] }) => {
      const list = await (await cli.client()).all(routes.usage.toolsets, { params: { id } })
      cli.show(list, () =>
        list.items.length === 0
          ? `Every open session of ${plain(id)} lists what it has.`
          : cli.table(toolsetColumns, list.items),
      )
    },
  })
  addVerb<{ reason: string; proposedOver?: string; conditions?: string }>(scopes, setup, {
    name: 'narrow <grant> <tools...>',
    says: 'Put grants of these tools in the place of a grant of a whole class, or of one with fewer conditions; nobody has to approve it.',
    options: (command) =>
      command
        .requiredOption('--reason <text>', 'why; the owner reads it')
        .option('--conditions <json>', 'by tool, as `scopes proposals --json` tells them')
        .option('--proposed-over <days>', 'only if the calls of so many days still propose it'),
    run: async (cli, { args: [id = '', ...toolNames], options: { reason, proposedOver, conditions } }) => {
      const days = proposedOver === undefined ? {} : { proposedOver: Number(proposedOver) }
      const limits = conditions === undefined ? {} : { conditions: conditionsIn(conditions) }
      const body = { toolNames, reason, ...days, ...limits }
      const done = await (await cli.client()).call(routes.usage.narrow, { params: { id }, body })
      cli.show(done, () => `Narrowed to ${count(done.grantIds.length, 'tool')}: ${done.grantIds.join(', ')}.`)
    },
  })
}

type BarOptions = { conditionCalls?: string; conditionDays?: string }

/** How much there must be before conditions on arguments are proposed. */
function withBar(command: Command): Command {
  return command
    .option('--condition-calls <number>', `calls of a tool before conditions are proposed, else ${conditionBar.calls}`)
    .option('--condition-days <number>', `days that its calls reach back, else ${conditionBar.days}`)
}

function barOf({ conditionCalls, conditionDays }: BarOptions): BarOptions {
  return {
    ...(conditionCalls === undefined ? {} : { conditionCalls }),
    ...(conditionDays === undefined ? {} : { conditionDays }),
  }
}

function conditionsIn(json: string): NonNullable<NarrowGrantInput['conditions']> {
  try {
    return narrowGrantInput.shape.conditions.unwrap().parse(JSON.parse(json))
  } catch {
    throw new UsageError(
      'The conditions are JSON such as [{"tool": "get_invoice", "conditions": [{"pointer": "/currency", "equals": "EUR"}]}].',
    )
  }
}

function argumentsText({ proposal, arguments: tools }: GrantUsage): string {
  const missing = tools.filter((tool) => tool.missing !== null).length
  const limits = proposal?.conditions.flatMap(({ conditions }) => conditions.map(conditionText)) ?? []
  return limits.join('; ') || (missing > 0 ? `insufficient data (${missing} of ${tools.length} tools)` : '')
}

const usageColumns: Column<GrantUsage>[] = [
  { title: 'SCOPE', value: scopeText, widthMin: 12 },
  { title: 'VERDICT', value: ({ verdict }) => verdict.replace('_', ' ') },
  { title: 'CALLS', value: ({ calls }) => String(calls), align: 'right' },
  { title: 'LAST', value: ({ lastUsedAt }) => (lastUsedAt === null ? '-' : day(lastUsedAt)) },
  { title: 'ENOUGH', value: ({ narrower }) => narrower?.join(' ') ?? '', widthMin: 10, dispensable: 1 },
  { title: 'ARGUMENTS', value: argumentsText, widthMin: 10, dispensable: 1 },
  { title: 'GRANT', value: ({ grantId }) => grantId, dispensable: 2 },
]

const unusedColumns: Column<UnusedGrant>[] = [
  { title: 'AGENT', value: ({ agent }) => agent.id },
  { title: 'OWNER', value: ({ owner }) => owner.id, widthMin: 8, dispensable: 2 },
  { title: 'SCOPE', value: scopeText, widthMin: 12 },
  { title: 'GIVEN', value: ({ createdAt }) => day(createdAt) },
  { title: 'LAST', value: ({ lastUsedAt }) => (lastUsedAt === null ? 'never' : day(lastUsedAt)) },
  { title: 'GRANT', value: ({ grantId }) => grantId, dispensable: 1 },
]

const toolsetColumns: Column<StaleToolset>[] = [
  { title: 'RUN', value: ({ runId }) => runId },
  { title: 'BEGAN (UTC)', value: ({ beganAt }) => minute(beganAt) },
  { title: 'LISTS, REFUSED', value: ({ lost }) => toolTexts(lost), widthMin: 12 },
  { title: 'GRANTED SINCE', value: ({ gained }) => toolTexts(gained), widthMin: 12 },
]

function toolTexts(parts: readonly ServerTools[]): string {
  return parts.map(({ serverId, tools }) => `${serverId}: ${tools.join(', ')}`).join('; ') || '-'
}

const proposalColumns: Column<FleetProposal>[] = [
  { title: 'AGENT', value: ({ agent }) => agent.id },
  { title: 'SCOPE', value: scopeText, widthMin: 12 },
  {
    title: 'PROPOSAL',
    value: ({ proposal }) =>
      proposal.kind === 'narrow'
        ? [`narrow to ${proposal.toolNames.join(', ')}`, ...proposal.conditions.map(toolConditionsText)].join('; ')
        : `revoke: ${proposal.because}`,
    widthMin: 16,
  },
  { title: 'CALLS', value: ({ proposal }) => String(proposal.calls), align: 'right' },
  {
    title: 'DENIED BEFORE',
    value: ({ proposal }) => `${proposal.denialsBefore} in ${proposal.daysBefore} d`,
    align: 'right',
  },
  { title: 'GRANT', value: ({ grantId }) => grantId, dispensable: 1 },
]

function toolConditionsText({ tool, conditions }: ToolConditions): string {
  return `${tool} when ${conditions.map(conditionText).join(' and ')}`
}
