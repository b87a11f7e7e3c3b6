import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { type AgentListQuery, agentSorts } from '#lib/registry/schema.ts'
import { queryKeys } from '#lib/registry/rules.ts'
import { routes } from '../../routes.ts'
import { addConnectionVerbs } from './connections.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import { Failed } from '../errors.ts'
import { count, oneLine, plain } from '../text.ts'
import { type AgentFilter, agentFilters, filterOf } from './agent-filters.ts'
import { addAgentsFacets } from './agent-facets.ts'
import { addAgentBulkVerbs } from './agent-bulk.ts'
import { addAgentLifeVerbs } from './agent-life.ts'
import { addAgentLimitVerbs } from './agent-limits.ts'
import { addAgentsCreate } from './agents-create.ts'
import { applyVerb } from './apply.ts'
import { describeAgent } from './agent-text.ts'
import { agentColumns } from './agent-table.ts'
import { explanationText } from './explanation-text.ts'
import { addHistoryVerbs, asOfOption } from './history.ts'
import { addOwnershipVerbs } from './ownership.ts'
import { choice } from './choices.ts'

type Order = { sort: string; desc?: boolean }
type ExportOptions = AgentFilter & Order & { output?: string; measured: boolean; query?: string }
type ListOptions = Order & { limit: string; all?: boolean; asOf?: string }

export function addAgentsCommands(program: Command, setup: Setup): void {
  const agents = program
    .command('agents')
    .alias('agent')
    .description('Registered agents: the catalog, creation, YAML, life.')
  addVerb<AgentFilter & ListOptions>(agents, setup, {
    name: 'list [query...]',
    says: `List the agents that match.
The query is the catalog's: qualifiers (${Object.keys(queryKeys).join(': ')}:) and words, all of which must
hold. Commas mean any of; -key:value is the opposite; ( … or … ) are alternatives; runs:<5 and idle:>30d are ranges. Put -- in front of a
query that begins with a minus. The options are the same qualifiers. A * marks scopes on production.`,
    examples: [
      'wheelhouse agents list can:write env:production',
      'wheelhouse agents list invoice --owner finance-platform --json',
      "wheelhouse agents list 'runs:0 idle:>30d -status:retired (tier:high or can:destructive)'",
    ],
    options: (command) =>
      ordered(agentFilters(command))
        .option('--limit <rows>', 'how many at most', '50')
        .option('--all', 'every agent that matches')
        .option(...asOfOption),
    run: listVerb,
  })
  addAgentsFacets(agents, setup)
  addVerb<{ asOf?: string }>(agents, setup, {
    name: 'show <id>',
    says: `Show everything the registry knows about an agent, with what it can reach now.
With --etag only the tag that --if-match takes: a write with it is refused if somebody else has written in the meantime.`,
    examples: [
      'wheelhouse agents show invoice-reconciler-7',
      'wheelhouse agents suspend invoice-reconciler-7 --reason "Idle." --if-match "$(wheelhouse agents show invoice-reconciler-7 --etag)"',
    ],
    options: (command) => command.option(...asOfOption),
    run: async (cli, { args: [id = ''], options: { asOf } }) => {
      const agent = await (await cli.client()).call(routes.agents.show, { params: { id }, query: { asOf } })
      cli.show(agent, () => describeAgent(agent, cli))
    },
  })
  addVerb<{ asOf?: string }>(agents, setup, {
    name: 'explain <id> <query...>',
    says: 'Say why an agent does or does not match a query, part by part.',
    examples: ['wheelhouse agents explain invoice-reconciler-7 can:write env:production'],
    options: (command) => command.option(...asOfOption),
    run: async (cli, { args: [id = '', ...words], options: { asOf } }) => {
      const explained = await (
        await cli.client()
      ).call(routes.agents.explain, { params: { id }, query: { q: words.join(' '), asOf } })
      cli.show(explained, () => explanationText(explained))
    },
  })
  addConnectionVerbs(agents, setup)
  addHistoryVerbs(agents, setup)
  addOwnershipVerbs(agents, setup)
  addAgentsCreate(agents, setup)
  addVerb(agents, setup, applyVerb)
  addVerb<ExportOptions>(agents, setup, {
    name: 'export [ids...]',
    says: `Print agents as YAML: those named, as they are named, or those that match, or all, in the order asked for.
The file can be applied again. Without measured figures it is fit for a repository.`,
    examples: [
      'wheelhouse agents export invoice-reconciler-7',
      'wheelhouse agents export --can write --env production -o writers.yaml',
    ],
    options: (command) =>
      ordered(agentFilters(command))
        .option('-q, --query <query>', 'a query, as agents list takes it')
        .option('--no-measured', 'leave out what is measured and reviewed')
        .option('-o, --output <file>', 'write to this file'),
    run: exportVerb,
  })
  addMoves(agents, setup)
  addAgentLifeVerbs(agents, setup)
  addAgentLimitVerbs(agents, setup)
  addAgentBulkVerbs(agents, setup)
}

function addMoves(agents: Command, setup: Setup): void {
  const moves = [
    [
      'suspend',
      'suspended',
      'Stop an agent from being started and from calling anything until it is resumed; its open runs are stopped.',
    ],
    ['resume', 'active again', 'End a suspension; nothing restarts by itself.'],
    [
      'retire',
      'retired',
      'End an agent for good: scopes and credentials are revoked, its runs stopped, its history stays.',
    ],
  ] as const
  for (const [name, state, says] of moves) {
    addVerb<{ reason: string }>(agents, setup, {
      name: `${name} <id>`,
      says,
      options: (command) => command.requiredOption('--reason <text>', 'why; the owner and the audit log keep it'),
      run: async (cli, { args: [id = ''], options: { reason } }) => {
        await (await cli.client()).call(routes.agents[name], { params: { id }, body: { reason } })
        cli.show({ id, status: state }, () => `${plain(id)} is ${state}.`)
      },
    })
  }
}

function ordered(command: Command): Command {
  return command
    .addOption(choice('--sort <by>', 'order of the list', agentSorts).default('id'))
    .option('--desc', 'the other way round')
}

function orderOf({ sort, desc }: Order) {
  return { sort: sort as AgentListQuery['sort'], order: desc ? ('desc' as const) : ('asc' as const) }
}

async function listVerb(
  cli: Cli,
  { args, options }: { args: string[]; options: AgentFilter & ListOptions },
): Promise<void> {
  const client = await cli.client()
  const wanted = options.all ? Number.POSITIVE_INFINITY : Number(options.limit)
  const query = {
    ...filterOf(options),
    q: args.join(' '),
    asOf: options.asOf,
    ...orderOf(options),
  }
  const limit = Math.min(200, wanted)
  const list = await client.call(routes.agents.list, { query: { ...query, limit } })
  let cursor = list.nextCursor
  while (cursor && list.items.length < wanted) {
    const page = await client.call(routes.agents.list, { query: { ...query, limit, cursor } })
    list.items.push(...page.items)
    cursor = page.nextCursor
  }
  for (const { message } of list.hints) cli.terminal.err(oneLine(message))
  const items = Number.isFinite(wanted) ? list.items.slice(0, wanted) : list.items
  cli.show({ items, total: list.total }, () => {
    if (items.length === 0) return 'No agent matches.'
    const more =
      items.length < list.total ? `${items.length} of ${count(list.total, 'agent')}; --all shows every one.` : ''
    return `${cli.table(agentColumns, items)}\n\n${cli.terminal.style('dim', more || count(list.total, 'agent'))}`
  })
}

async function exportVerb(cli: Cli, { args: ids, options }: { args: string[]; options: ExportOptions }): Promise<void> {
  const chosen = ids.length > 0 ? { ids: ids.join(',') } : {}
  const query = {
    ...filterOf(options),
    ...orderOf(options),
    q: options.query,
    ...chosen,
    measured: String(options.measured),
  }
  const text = await (await cli.client()).call(routes.agents.exportMany, { query })
  if (options.output === undefined) return cli.terminal.out(text.replace(/\n$/, ''))
  await writeFile(options.output, text).catch((error: unknown) => {
    throw new Failed(`${options.output} could not be written: ${String(error)}`)
  })
  cli.terminal.err(`Written to ${options.output}.`)
}
