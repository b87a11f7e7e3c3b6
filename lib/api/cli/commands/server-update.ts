import type { Command } from 'commander'
import { changeableServer, followsOf, type ServerChange } from '#lib/registry/rules/server-change.ts'
import {
  type Environment,
  environments,
  sensitivities,
  type Sensitivity,
  type ServerView,
} from '#lib/registry/schema.ts'
import type { ServerCommand } from '#lib/registry/schema/transport.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import { plain } from '../text.ts'
import { choice } from './choices.ts'
import { secondPerson } from './loosenings.ts'
import { accepted, collect } from './server-place.ts'

type Options = {
  name?: string
  about?: string
  address?: string
  environment?: string
  sensitivity?: string
  env: string[]
  accept: string[]
  dryRun?: boolean
}

export function addUpdateVerb(servers: Command, setup: Setup): void {
  addVerb<Options>(servers, setup, {
    name: 'update <id> [program...]',
    says: `Change what an MCP server is called, what is said of it and where it is reached: its address, or after -- its program.
A lower environment or sensitivity waits for a second person; another origin or program loses the credentials. --dry-run only says what would follow.`,
    examples: [
      'wheelhouse servers update erp --environment production --sensitivity restricted',
      'wheelhouse servers update erp --address https://erp.example.net/mcp --dry-run',
      'wheelhouse servers update files --accept not_probed -- node server.mjs --root /data',
    ],
    options: (command) =>
      command
        .option('--name <name>', 'what people call it')
        .option('--about <text>', 'what it offers')
        .option('--address <url>', 'of a server over HTTP: where it is reached')
        .addOption(choice('--environment <environment>', 'where it runs', environments))
        .addOption(choice('--sensitivity <sensitivity>', 'of the data that it holds', sensitivities))
        .option('--env <name>', 'of a program: a variable that it needs; otherwise those of before', collect, [])
        .option('--accept <finding>', 'a finding that guards it less; may be given several times', collect, [])
        .option('--dry-run', 'only say what would follow'),
    run: async (cli, { args: [id = '', ...program], options }) => {
      const client = await cli.client()
      const server = await client.call(routes.registry.showServer, { params: { id } })
      const tag = client.etag()
      const change = changeOf(server, program, options)
      if (Object.keys(change).length === 0) throw new UsageError('Say what to change; see --help.')
      const follows = followsOf(changeableServer(server), change).map((line) => `\n  ${plain(line)}`)
      if (options.dryRun) {
        return cli.show({ id, change, follows: follows.map((line) => line.trim()) }, () =>
          follows.length === 0 ? 'Nothing follows besides.' : `What would follow:${follows.join('')}`,
        )
      }
      const moves = change.url !== undefined || change.command !== undefined
      const body = { ...change, ...(moves ? { acknowledged: accepted(options.accept) } : {}) }
      const call = { params: { id }, body }
      const { waits } = await client.call(routes.servers.updateServer, call, { ifMatch: tag })
      cli.show(
        { id, ...change, waits },
        () => `${plain(id)} is changed.${waits ? secondPerson : ''}${follows.join('')}`,
      )
    },
  })
}

function changeOf(server: ServerView, program: readonly string[], options: Options): ServerChange {
  const { name, about, address, environment, sensitivity } = options
  const command = programOf(server, program, options.env)
  return {
    ...(name === undefined ? {} : { name }),
    ...(about === undefined ? {} : { description: about }),
    ...(address === undefined ? {} : { url: address }),
    ...(environment === undefined ? {} : { environment: environment as Environment }),
    ...(sensitivity === undefined ? {} : { sensitivity: sensitivity as Sensitivity }),
    ...(command === null ? {} : { command }),
  }
}

/** Null: it stays as it is. What is not said stays, also the package it is of. */
function programOf({ name, command }: ServerView, program: readonly string[], env: string[]): ServerCommand | null {
  const [started, ...args] = program
  if (started === undefined && env.length === 0) return null
  if (!command) throw new UsageError(`${plain(name)} is a server over HTTP: it has no program.`)
  return {
    ...command,
    ...(started === undefined ? {} : { command: started, args }),
    ...(env.length === 0 ? {} : { env }),
  }
}
