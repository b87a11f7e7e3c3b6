import type { Command } from 'commander'
import { readServerJson } from '#lib/registry/rules/server-json.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import { textFrom } from '../text-file.ts'
import { plain } from '../text.ts'
import { fetchPackage } from './server-package.ts'
import { accepted, collect, type Placed, placed, placeOf } from './server-place.ts'

type Options = Placed & { option: string; id?: string; program?: string; value: string[] }

export function addImportVerb(servers: Command, setup: Setup): void {
  addVerb<Options>(servers, setup, {
    name: 'import <file>',
    says: `Register an MCP server as a server.json of the official registry describes it; - is standard input.
An npm package is fetched first, once; what the file leaves open of its arguments is said with --value.`,
    examples: [
      'wheelhouse servers import server.json --environment staging --sensitivity internal --value folder=/workspace --accept not_probed',
    ],
    options: (command) =>
      placed(command)
        .option('--option <number>', 'which of the ways it names, from 0: remotes first', '0')
        .option('--id <id>', 'its id here; otherwise made of its name')
        .option('--program <name>', 'of a package: which of its programs; otherwise the one that npm would take')
        .option(
          '--value <name=value>',
          'of a package: what the file leaves open; may be given several times',
          collect,
          [],
        ),
    run: async (cli, { args: [file = ''], options }) => {
      const place = placeOf(options)
      const text = await textFrom(cli.terminal, file)
      const body = {
        text,
        option: Number(options.option),
        ...(options.id === undefined ? {} : { id: options.id }),
        ...(options.program === undefined ? {} : { program: options.program }),
        ...(await packageIn(cli, text, Number(options.option))),
        values: valuesOf(options.value),
        ...place,
        acknowledged: accepted(options.accept),
      }
      const made = await (await cli.client()).call(routes.servers.importServer, { body })
      const header = made.credentialHeader === null ? '' : ` It needs a credential in ${plain(made.credentialHeader)}.`
      const leftOut =
        made.leftOutHeaders.length === 0
          ? ''
          : ` Not taken over: the headers ${made.leftOutHeaders.map(plain).join(', ')}.`
      const names = made.variables.filter(({ isRequired }) => isRequired).map(({ name }) => plain(name))
      const variables =
        names.length === 0 ? '' : ` It needs ${names.join(', ')}: set them with "servers set-credential ${made.id}".`
      cli.show(made, () => `${made.id} is registered.${header}${variables}${leftOut} Its tools wait for their review.`)
    },
  })
}

/** What is wrong with the file, the registry of servers says. */
async function packageIn(cli: Cli, text: string, at: number): Promise<{ packageId?: string }> {
  const read = readServerJson(text)
  const option = read.ok ? read.value.options[at] : undefined
  if (option?.transport !== 'package' || option.problems.length > 0) return {}
  return { packageId: (await fetchPackage(cli, option.package)).id }
}

function valuesOf(given: readonly string[]): Record<string, string> {
  const pairs = given.map((pair): [string, string] => {
    const at = pair.indexOf('=', 1)
    if (at < 0) throw new UsageError(`Write --value as name=value, not ${pair}.`)
    return [pair.slice(0, at), pair.slice(at + 1)]
  })
  return Object.fromEntries(pairs)
}
