import type { Command } from 'commander'
import { exactDollars } from '#lib/core/money.ts'
import { parseCallPrice } from '#lib/metrics/rules/call-prices.ts'
import type { CallPrices } from '#lib/metrics/schema/call-prices.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import type { Column } from '../table.ts'

/** What calls of a server's tools cost. */
export function addCallPriceVerbs(servers: Command, setup: Setup): void {
  addVerb(servers, setup, {
    name: 'prices <id>',
    says: 'Show what a call of each tool of an MCP server costs, and whose price that is.',
    run: async (cli, { args: [id = ''] }) => {
      const prices = await (await cli.client()).call(routes.servers.showPrices, { params: { id } })
      cli.show(prices, () => describe(prices, cli))
    },
  })
  addVerb<{ call?: string; none?: true }>(servers, setup, {
    name: 'set-price <id> [tool]',
    says: `Set what a call of a tool of an MCP server costs; without a tool: of each that has no price of its own.
Calls that were made before keep their price.`,
    examples: [
      'wheelhouse servers set-price search web_search --call 0.01',
      'wheelhouse servers set-price search --call 0.002',
      'wheelhouse servers set-price search web_search --none',
    ],
    options: (command) =>
      command
        .option('--call <dollars>', 'what one call costs; 0: nothing, whatever its server says')
        .option('--none', 'no own price'),
    run: async (cli, { args: [id = '', tool], options: { call, none } }) => {
      if ((call === undefined) === (none === undefined)) throw new UsageError('Give either --call, or --none.')
      const body = { tool: tool ?? null, listUnitPriceMicros: call === undefined ? null : microsOf(call) }
      const client = await cli.client()
      await client.call(routes.servers.setPrice, { params: { id }, body })
      const prices = await client.call(routes.servers.showPrices, { params: { id } })
      cli.show(prices, () => describe(prices, cli))
    },
  })
}

function microsOf(dollars: string): string {
  const price = parseCallPrice(dollars)
  if (!price.ok) throw new UsageError(price.error)
  return price.value.toString()
}

function describe({ tools, listUnitPriceMicros }: CallPrices, cli: Cli): string {
  const standard = `Tools without a price of their own: ${priceText(listUnitPriceMicros)} a call`
  return tools.length === 0 ? standard : `${standard}\n\n${cli.table(columns, tools)}`
}

const columns: Column<CallPrices['tools'][number]>[] = [
  { title: 'TOOL', value: ({ tool }) => tool },
  { title: 'A CALL', value: ({ listUnitPriceMicros }) => priceText(listUnitPriceMicros), align: 'right' },
  { title: 'PRICE OF', value: ({ setFor }) => setFor ?? '-' },
]

function priceText(micros: string | null): string {
  return micros === null ? 'nothing' : `$${exactDollars(BigInt(micros))}`
}
