import type { Command } from 'commander'
import { type AgentFacets, type FacetKey, facetKeys } from '#lib/registry/schema.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import type { Column } from '../table.ts'
import { asOfOption } from './history.ts'
import { agentFilters, type AgentFilter, filterOf } from './agent-filters.ts'

type Row = { key: FacetKey; value: string; label: string; count: number }

const columns: Column<Row>[] = [
  { title: 'KEY', value: ({ key }) => key },
  { title: 'VALUE', value: ({ value }) => value, widthMin: 16 },
  { title: 'NAME', value: ({ value, label }) => (label === value ? '' : label), widthMin: 10, dispensable: 1 },
  { title: 'AGENTS', value: ({ count }) => String(count), align: 'right' },
]

/** The counts beside the catalog. */
export function addAgentsFacets(agents: Command, setup: Setup): void {
  addVerb<AgentFilter & { asOf?: string }>(agents, setup, {
    name: 'facets [query...]',
    says: `Say how many agents have each value, among those that match.
A key that the query asks for itself is counted without that, so the counts say what another value would find. Keys: ${facetKeys.join(', ')}.`,
    examples: ['wheelhouse agents facets can:write env:production', 'wheelhouse agents facets --orphaned yes --json'],
    options: (command) => agentFilters(command).option(...asOfOption),
    run: async (cli, { args, options }) => {
      const query = { ...filterOf(options), q: args.join(' '), asOf: options.asOf }
      const facets = await (await cli.client()).call(routes.agents.facets, { query })
      cli.show(facets, () => cli.table(columns, rowsOf(facets)))
    },
  })
}

function rowsOf(facets: AgentFacets): Row[] {
  return facetKeys.flatMap((key) => facets[key].map((value) => ({ key, ...value })))
}
