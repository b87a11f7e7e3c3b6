import type { Command } from 'commander'
import type { PackageFetchView } from '#lib/registry/schema/packages.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import { facts } from '../table.ts'
import { oneLine, plain } from '../text.ts'

const everyMs = 500
const triesMax = 480

export function addPackageVerb(servers: Command, setup: Setup): void {
  addVerb(servers, setup, {
    name: 'fetch <package>',
    says: `Fetch an npm package by exactly one version, with all it depends on, so that a server can be started from it without network.
"servers import" does it by itself.`,
    examples: ['wheelhouse servers fetch @acme/erp-tools@1.2.0'],
    run: async (cli, { args: [given = ''] }) => {
      const at = given.lastIndexOf('@')
      if (at < 1) throw new UsageError('Name the package and its version: @acme/erp-tools@1.2.0.')
      const fetched = await fetchPackage(cli, { name: given.slice(0, at), version: given.slice(at + 1) })
      cli.show(fetched, () => describePackage(fetched))
    },
  })
}

/** Asks for a package and waits until the worker has it, or has said why not. */
export async function fetchPackage(cli: Cli, body: { name: string; version: string }): Promise<PackageFetchView> {
  const client = await cli.client()
  const { packageId } = await client.call(routes.servers.fetchPackage, { body })
  for (let tries = 0; tries < triesMax; tries += 1) {
    const fetched = await client.call(routes.servers.showPackage, { params: { id: packageId } })
    if (fetched.problem) {
      const { field, reason, message } = fetched.problem
      throw new UsageError(`${plain(message)} (${field}: ${reason})`)
    }
    if (fetched.finishedAt) return fetched
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
  throw new UsageError('The worker has not fetched it in time. Is it running?')
}

export function describePackage({ id, name, version, package: reference, facts: found }: PackageFetchView): string {
  return facts([
    ['Package', plain(`${name}@${version}`)],
    ['Id', id],
    ['Integrity', reference?.integrity ?? null],
    ['Lock', reference?.lock ?? null],
    ['Programs', found && oneLine(found.programs.join(', '))],
    ['Packages', found && String(found.packages)],
    ['Size', found && `${Math.ceil(found.bytes / 1024)} kB`],
    ['Scripts not run', found && found.scripts.length > 0 ? oneLine(found.scripts.join(', ')) : null],
  ])
}
