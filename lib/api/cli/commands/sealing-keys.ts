import type { Command } from 'commander'
import type { KeysView } from '#lib/keys/schema.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import { facts } from '../table.ts'
import { count, minute, oneLine, plain } from '../text.ts'

export function addSealingKeyCommands(keys: Command, setup: Setup): void {
  addVerb(keys, setup, {
    name: 'sealing',
    says: 'Show which key-encryption key seals, and how much is sealed under which.',
    run: async (cli) => {
      const view = await (await cli.client()).call(routes.registry.showSealingKeys, {})
      cli.show(view, () => keysText(view))
    },
  })
}

/** Makes the newest configured key-encryption key current. */
export async function rotateSealingKey(cli: Cli, options: { reason: string; withdraw?: true }): Promise<void> {
  if (options.withdraw) throw new UsageError('--withdraw is for signing keys: what is sealed has to stay readable.')
  const body = { reason: options.reason }
  const rotated = await (await cli.client()).call(routes.registry.rotateSealingKey, { body })
  cli.show(rotated, () => `${plain(rotated.keyId)} is current. What is sealed is being wrapped anew.`)
}

function keysText({ current, configured, sealed, rewrap }: KeysView): string {
  return facts([
    ['Current', oneLine(current.id)],
    ['Since', current.since && `${minute(current.since)} UTC, by ${oneLine(current.madeCurrentBy ?? '')}`],
    ['Configured', configured.map(oneLine).join(', ')],
    ['Sealed', sealed.map((row) => `${count(row.count, 'thing')} under ${oneLine(row.keyId)}`).join('; ') || 'nothing'],
    ['Wrapped anew', rewrap && rewrapText(rewrap)],
  ])
}

function rewrapText({ rewrapped, finishedAt, lastError }: NonNullable<KeysView['rewrap']>): string {
  if (lastError !== null) return `${rewrapped} so far; stopped: ${oneLine(lastError)}`
  return finishedAt === null ? `${rewrapped} so far` : `${rewrapped}, done ${minute(finishedAt)} UTC`
}
