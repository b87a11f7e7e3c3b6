import type { Command } from 'commander'
import type { AgentServerTraffic, CalledTool } from '#lib/metrics/schema/traffic.ts'
import type { SimilarAgent } from '#lib/registry/schema/similar.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import type { Column } from '../table.ts'
import { minute, money, plain } from '../text.ts'

/** The verbs about what an agent calls and which agents are like it. */
export function addConnectionVerbs(agents: Command, setup: Setup): void {
  addVerb<{ days: string }>(agents, setup, {
    name: 'connections <id>',
    says: 'Show what an agent called over the last days, and how many agents feed it and are fed by it there.',
    options: (command) => command.option('--days <number>', 'how far back, up to 400', '30'),
    run: async (cli, { args: [id = ''], options }) => {
      const query = { days: Number(options.days) }
      const traffic = await (await cli.client()).call(routes.agents.connections, { params: { id }, query })
      const rows = traffic.servers.flatMap((server) => server.tools.map((tool) => ({ ...server, tool })))
      cli.show(traffic, () =>
        [
          rows.length === 0 ? `${plain(id)} called nothing in ${traffic.days} days.` : cli.table(calledColumns, rows),
          cli.terminal.style('dim', countedText(traffic)),
        ].join('\n\n'),
      )
    },
  })
  addVerb<{ limit: string }>(agents, setup, {
    name: 'similar <id>',
    says: 'List the agents that hold much the same scopes for much the same purpose.',
    options: (command) => command.option('--limit <number>', 'at most so many', '10'),
    run: async (cli, { args: [id = ''], options }) => {
      const query = { limit: Number(options.limit) }
      const { items } = await (await cli.client()).call(routes.agents.similar, { params: { id }, query })
      cli.show({ items }, () =>
        items.length === 0 ? 'No other agent is much like it.' : cli.table(similarColumns, items),
      )
    },
  })
}

/** Until when what was asked is complete. */
export function countedText({ countedUntil }: { countedUntil: string | null }): string {
  if (countedUntil === null) return 'No call is counted yet.'
  return `Calls until ${countedUntil.slice(0, 19).replace('T', ' ')} UTC are counted.`
}

const calledColumns: Column<AgentServerTraffic & { tool: CalledTool }>[] = [
  { title: 'SERVER', value: ({ server }) => server.id },
  { title: 'TOOL', value: ({ tool }) => tool.tool || '(names it does not have)' },
  { title: 'CLASS', value: ({ tool }) => tool.class ?? '-' },
  { title: 'CALLS', value: ({ tool }) => String(tool.calls), align: 'right' },
  { title: 'ERRORS', value: ({ tool }) => String(tool.errors), align: 'right' },
  { title: 'REFUSED', value: ({ tool }) => String(tool.refused), align: 'right' },
  { title: 'COST', value: ({ tool }) => money(tool.costMicros), align: 'right', dispensable: 3 },
  { title: 'LAST (UTC)', value: ({ tool }) => minute(tool.lastAt), dispensable: 1 },
  { title: 'FED BY', value: ({ feeds }) => String(feeds.total), align: 'right', dispensable: 2 },
  { title: 'FEEDS', value: ({ fed }) => String(fed.total), align: 'right', dispensable: 2 },
]

const similarColumns: Column<SimilarAgent>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'OWNER', value: ({ owner }) => owner.id, widthMin: 10 },
  { title: 'STATUS', value: ({ status }) => status, dispensable: 1 },
  { title: 'SCOPES', value: ({ scopes }) => `${scopes.shared} of ${scopes.of}`, align: 'right' },
  { title: 'PURPOSE', value: ({ purposeAlike }) => `${Math.round(purposeAlike * 100)} %`, align: 'right' },
  { title: 'ALIKE', value: ({ score }) => `${Math.round(score * 100)} %`, align: 'right' },
]
