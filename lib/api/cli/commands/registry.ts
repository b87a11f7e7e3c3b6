import type { Command } from 'commander'
import type { ServerTraffic } from '#lib/metrics/schema/traffic.ts'
import type { ServerHolder, ServerRow, ServerView, ToolView } from '#lib/registry/schema.ts'
import { credentialKindText } from '#lib/registry/schema/credentials.ts'
import type { ServerProcesses, StdioProcessView } from '#lib/registry/schema/processes.ts'
import type { TemplateRow } from '#lib/templates/schema.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import { type Column, facts } from '../table.ts'
import { day, minute, money, oneLine, plain } from '../text.ts'
import { scopeText } from './agent-table.ts'
import { countedText } from './connections.ts'
import { addServerSettingVerbs } from './server-settings.ts'
import { addServerCommands } from './servers.ts'

export function addRegistryCommands(program: Command, setup: Setup): void {
  const servers = program.command('servers').alias('server').description('MCP servers and their tools.')
  addVerb(servers, setup, {
    name: 'list',
    says: 'List the MCP servers, with their tools by class and how many agents hold a grant on them.',
    run: async (cli) => {
      const list = await (await cli.client()).all(routes.registry.listServers, {})
      cli.show(list, () =>
        list.items.length === 0 ? 'No server is registered.' : cli.table(serverColumns, list.items),
      )
    },
  })
  addVerb(servers, setup, {
    name: 'show <id>',
    says: 'Show an MCP server with its tools and the first of those who hold something on it.',
    run: async (cli, { args: [id = ''] }) => {
      const server = await (await cli.client()).call(routes.registry.showServer, { params: { id } })
      cli.show(server, () => describe(server, cli))
    },
  })
  addVerb(servers, setup, {
    name: 'holders <id>',
    says: 'List all who hold something on an MCP server: grants in force, the widest class first.',
    run: async (cli, { args: [id = ''] }) => {
      const list = await (await cli.client()).all(routes.registry.listServerHolders, { params: { id } })
      cli.show(list, () =>
        list.items.length === 0 ? 'No agent holds a grant on it.' : cli.table(holderColumns, list.items),
      )
    },
  })
  addVerb(servers, setup, {
    name: 'removed <id>',
    says: 'List the tools that an MCP server no longer lists, the last seen first.',
    run: async (cli, { args: [id = ''] }) => {
      const list = await (await cli.client()).all(routes.registry.listRemovedTools, { params: { id } })
      cli.show(list, () =>
        list.items.length === 0 ? 'It lists all that it ever did.' : cli.table(toolColumns, list.items),
      )
    },
  })
  addVerb<{ hours: string }>(servers, setup, {
    name: 'traffic <id>',
    says: 'Show what agents called on an MCP server over the last hours, tool by tool, and what went wrong.',
    options: (command) => command.option('--hours <number>', 'how far back, up to 2160', '24'),
    run: async (cli, { args: [id = ''], options }) => {
      const query = { hours: Number(options.hours) }
      const traffic = await (await cli.client()).call(routes.registry.showServerTraffic, { params: { id }, query })
      cli.show(traffic, () =>
        [
          traffic.tools.length === 0
            ? `Nobody called ${plain(id)} in the last ${traffic.hours} hours.`
            : cli.table(trafficColumns, traffic.tools),
          cli.terminal.style('dim', countedText(traffic)),
        ].join('\n\n'),
      )
    },
  })
  addVerb(servers, setup, {
    name: 'processes <id>',
    says: 'Show the processes the platform runs of an MCP server over stdio.',
    run: async (cli, { args: [id = ''] }) => {
      const found = await (await cli.client()).call(routes.registry.showServerProcesses, { params: { id } })
      cli.show(found, () => {
        if (!found) return 'It is a server over HTTP: the platform runs no process of it.'
        const table = found.processes.length === 0 ? 'No process was started yet.' : processTable(found, cli)
        return `Trust boundary: ${found.boundary}\n\n${table}`
      })
    },
  })
  addServerCommands(servers, setup)
  addServerSettingVerbs(servers, setup)
  const templates = program.command('templates').alias('template').description('Golden templates.')
  addVerb(templates, setup, {
    name: 'list',
    says: 'List the golden templates with their newest versions.',
    run: async (cli) => {
      const list = await (await cli.client()).all(routes.registry.listTemplates, {})
      cli.show(list, () =>
        list.items.length === 0 ? 'No template is published.' : cli.table(templateColumns, list.items),
      )
    },
  })
  addVerb<{ version?: string }>(templates, setup, {
    name: 'show <id>',
    says: 'Show a golden template in full, the newest version unless one is named.',
    options: (command) => command.option('--version <number>', 'this version'),
    run: async (cli, { args: [id = ''], options: { version } }) => {
      const query = version === undefined ? {} : { version }
      const template = await (await cli.client()).call(routes.registry.showTemplate, { params: { id }, query })
      cli.show(template, () => `${plain(template.id)}@${template.version}\n\n${plain(template.prompt)}`)
    },
  })
}

const serverColumns: Column<ServerRow>[] = [
  { title: 'ID', value: (server) => server.id },
  { title: 'NAME', value: (server) => server.name, widthMin: 10, dispensable: 3 },
  { title: 'ENVIRONMENT', value: (server) => server.environment },
  { title: 'SENSITIVITY', value: (server) => server.sensitivity, dispensable: 2 },
  { title: 'STATUS', value: (server) => server.status },
  { title: 'READ', value: (server) => String(server.tools.read), align: 'right' },
  { title: 'WRITE', value: (server) => String(server.tools.write), align: 'right' },
  { title: 'DESTROY', value: (server) => String(server.tools.destructive), align: 'right' },
  { title: 'WAITING', value: (server) => String(server.tools.quarantined), align: 'right', dispensable: 1 },
  { title: 'AGENTS', value: (server) => String(server.agents), align: 'right' },
]

const trafficColumns: Column<ServerTraffic['tools'][number]>[] = [
  { title: 'TOOL', value: ({ tool }) => tool || '(names it does not have)' },
  { title: 'CALLS', value: ({ calls }) => String(calls), align: 'right' },
  { title: 'ERRORS', value: ({ toolErrors, serverErrors }) => String(toolErrors + serverErrors), align: 'right' },
  { title: 'REFUSED', value: ({ refused }) => String(refused), align: 'right' },
  { title: 'HELD', value: ({ held }) => String(held), align: 'right', dispensable: 1 },
  { title: 'P50 MS', value: ({ p50Ms }) => (p50Ms === null ? '-' : p50Ms.toFixed(0)), align: 'right', dispensable: 2 },
  { title: 'P95 MS', value: ({ p95Ms }) => (p95Ms === null ? '-' : p95Ms.toFixed(0)), align: 'right' },
  { title: 'AGENTS', value: ({ agents }) => String(agents), align: 'right' },
  { title: 'COST', value: ({ costMicros }) => money(costMicros), align: 'right', dispensable: 3 },
]

const toolColumns: Column<ToolView>[] = [
  { title: 'TOOL', value: (tool) => tool.name },
  { title: 'CLASS', value: (tool) => tool.class },
  { title: 'STATE', value: (tool) => tool.state },
  { title: 'DESCRIPTION', value: (tool) => tool.description, widthMin: 12, dispensable: 1 },
]

const besidesColumns: Column<ServerView['besidesTools'][number]>[] = [
  { title: 'BESIDES TOOLS', value: ({ name }) => `method:${name}` },
  { title: 'RISK', value: ({ risk }) => risk },
  { title: 'GRANTED BY', value: ({ grantedBy }) => (grantedBy === 'name' ? 'name' : 'name or server'), dispensable: 1 },
  { title: 'AGENTS', value: ({ agents }) => String(agents), align: 'right' },
  { title: 'WHAT', value: ({ title, says }) => `${title}: ${says}`, widthMin: 12, dispensable: 2 },
]

const holderColumns: Column<ServerHolder>[] = [
  { title: 'AGENT', value: (holder) => holder.agent.id },
  { title: 'OWNER', value: (holder) => holder.owner.id, widthMin: 10 },
  { title: 'STATUS', value: (holder) => holder.agent.status },
  { title: 'SCOPE', value: scopeText },
  { title: 'UNTIL (UTC)', value: (holder) => (holder.expiresAt === null ? 'no end' : minute(holder.expiresAt)) },
  { title: 'GRANT', value: (holder) => holder.grantId, dispensable: 1 },
]

const processColumns: Column<StdioProcessView>[] = [
  { title: 'FOR', value: (process) => process.owner },
  { title: 'STATE', value: (process) => process.state.replaceAll('_', ' ') },
  { title: 'FAILURES', value: (process) => String(process.restarts), align: 'right' },
  {
    title: 'MB',
    value: ({ memoryBytes }) => (memoryBytes === null ? '' : String(Math.round(memoryBytes / (1 << 20)))),
    align: 'right',
  },
  { title: 'SINCE (UTC)', value: (process) => minute(process.changedAt) },
  { title: 'LAST FAILURE', value: (process) => process.lastError ?? '', widthMin: 12, dispensable: 1 },
]

/** Below it what those that failed said last. */
function processTable({ processes }: ServerProcesses, cli: Cli): string {
  const said = processes
    .filter(({ lastError, stderr }) => lastError !== null && stderr.length > 0)
    .map(({ owner, stderr }) => `Standard error of ${owner}:\n${stderr.map((line) => `  ${plain(line)}`).join('\n')}`)
  return [cli.table(processColumns, processes), ...said].join('\n\n')
}

const templateColumns: Column<TemplateRow>[] = [
  { title: 'ID', value: (template) => template.id },
  { title: 'VERSION', value: (template) => template.version },
  { title: 'PUBLISHED', value: (template) => day(template.publishedAt), dispensable: 2 },
  { title: 'MODEL', value: (template) => template.model.tier },
  { title: 'AGENTS', value: (template) => String(template.agents), align: 'right' },
  { title: 'BEHIND', value: (template) => String(template.agentsBehind), align: 'right' },
  { title: 'SUMMARY', value: (template) => template.summary, widthMin: 20, dispensable: 1 },
]

function describe(server: ServerView, cli: Cli): string {
  const { credentials } = server
  const about = facts([
    ['About', oneLine(server.description)],
    ['Address', server.command ? null : oneLine(server.url)],
    ['Program', server.command && oneLine([server.command.command, ...server.command.args].join(' '))],
    ['Package', packageText(server)],
    ['Environment', server.environment],
    ['Sensitivity', server.sensitivity],
    ['Kinds of data', server.dataClasses.join(', ').replaceAll('_', ' ') || null],
    ['Status', `${server.status}${server.statusReason ? `: ${oneLine(server.statusReason)}` : ''}`],
    [
      'Credential',
      credentials.length === 0 ? 'none' : credentials.map((one) => credentialText(server, one)).join('; '),
    ],
    ['Tools listed', listedText(server.listing)],
    ['Demo', server.demo ? 'yes' : null],
  ])
  const all = [...server.toolList, ...server.removedTools]
  const tools = all.length === 0 ? 'It has no tools yet.' : cli.table(toolColumns, all)
  const gone = server.removedTotal - server.removedTools.length
  const earlier =
    gone > 0
      ? [cli.terminal.style('dim', `${gone} more that it no longer lists: wheelhouse servers removed ${server.id}`)]
      : []
  const holders =
    server.holders.length === 0 ? 'No agent holds a grant on it.' : cli.table(holderColumns, server.holders)
  const title = `${cli.terminal.style('bold', plain(server.name))} ${cli.terminal.style('dim', server.id)}`
  const besides = cli.table(besidesColumns, server.besidesTools)
  const rest = server.holdersTotal - server.holders.length
  const more = rest > 0 ? [cli.terminal.style('dim', `${rest} more: wheelhouse servers holders ${server.id}`)] : []
  return [`${title}\n${about}`, tools, ...earlier, besides, holders, ...more].join('\n\n')
}

function packageText({ command, packageFetch }: ServerView): string | null {
  if (!command?.package) return null
  const { name, version } = command.package
  return `${plain(name)}@${version}${packageFetch ? `, fetched ${minute(packageFetch.fetchedAt)} UTC` : ''}`
}

/** When its tools were last listed, why they are not now, and what is left out. */
function listedText(listing: ServerView['listing']): string {
  if (!listing) return 'never'
  const { listedAt, problem, leftOut, leftOutTotal } = listing
  const more = leftOutTotal - leftOut.length
  return [
    listedAt ? `${minute(listedAt)} UTC` : 'never',
    ...(problem ? [`not since ${minute(problem.since)} UTC: ${oneLine(problem.message)}`] : []),
    ...leftOut.map(({ name, reason }) => `left out: ${oneLine(name)}, ${oneLine(reason)}`),
    ...(more > 0 ? [`left out besides: ${more}`] : []),
  ].join('; ')
}

function credentialText({ command }: ServerView, credential: ServerView['credentials'][number]): string {
  const { team, updatedAt, expiresAt, settings, lastError } = credential
  const { issuer, issuerFrom } = settings
  const at = issuer ? `, for ${oneLine(issuer)}${issuerFrom ? ' as the server named it, not confirmed' : ''}` : ''
  const trouble = lastError ? `; ${oneLine(lastError.message)}` : ''
  const ends = expiresAt ? `, ends ${minute(expiresAt)} UTC` : ''
  return `${credentialKindText(credential.kind, command !== null)}${team ? ` of ${oneLine(team.name)}` : ''}${at}, set ${minute(updatedAt)} UTC${ends}${trouble}`
}
