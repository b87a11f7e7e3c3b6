import type { Command } from 'commander'
import type { ServerCommand } from '#lib/registry/schema/transport.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import { plain } from '../text.ts'
import { describePackage, fetchPackage } from './server-package.ts'
import { accepted, collect } from './server-place.ts'
import { credentialIn, describeProbe, probeOnce } from './server-probe.ts'

type Options = { program?: string; accept: string[]; credential?: string; dryRun?: boolean }

export function addMoveVerb(servers: Command, setup: Setup): void {
  addVerb<Options>(servers, setup, {
    name: 'move <id> <version>',
    says: `Start a server of an npm package from another version of it, newer or older: it is fetched, tried once in the sandbox, and its
tools are compared. Its credential is gone then, and what is new or takes more waits for its review. --dry-run changes nothing.`,
    examples: [
      'wheelhouse servers move erp 1.3.0 --dry-run',
      'wheelhouse servers move erp 1.3.0 --accept does_not_start',
    ],
    options: (command) =>
      command
        .option('--program <name>', 'which of its programs; otherwise the one of the same name')
        .option('--credential <file>', 'JSON of a credential to try it with once, as "servers probe" takes it')
        .option('--accept <finding>', 'a finding that guards it less; may be given several times', collect, [])
        .option('--dry-run', 'only show what would change'),
    run: async (cli, { args: [id = '', version = ''], options }) => {
      const client = await cli.client()
      const server = await client.call(routes.registry.showServer, { params: { id } })
      const tag = client.etag()
      if (!server.command?.package) throw new UsageError(`${plain(server.name)} is started from no package.`)
      const credential =
        options.credential === undefined ? {} : { credential: await credentialIn(cli, options.credential) }
      const fetched = await fetchPackage(cli, { name: server.command.package.name, version })
      const command: ServerCommand = {
        ...server.command,
        command: options.program ?? server.command.command,
        package: fetched.package!,
      }
      const probe = await probeOnce(cli, { id, command, ...credential })
      const plan = () => `${describePackage(fetched)}\n\n${describeProbe(probe.report)}`
      if (options.dryRun) return cli.show({ id, package: fetched, probe }, plan)
      const body = { command, acknowledged: accepted(options.accept) }
      await client.call(routes.servers.updateServer, { params: { id }, body }, { ifMatch: tag })
      cli.show({ id, command }, () => `${plan()}\n\n${plain(id)} is started from ${plain(version)} now.`)
    },
  })
}
