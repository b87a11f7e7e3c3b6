import type { Command } from 'commander'
import { routes } from '../../routes.ts'
import type { KeyView } from '../../answers/account.ts'
import { addVerb, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import type { Column } from '../table.ts'
import { count, minute } from '../text.ts'
import { addSealingKeyCommands, rotateSealingKey } from './sealing-keys.ts'

export function addKeyCommands(program: Command, setup: Setup): void {
  const keys = program
    .command('keys')
    .description('The keys that sign agent tokens, and those that seal what is stored.')
  addSealingKeyCommands(keys, setup)
  addVerb(keys, setup, {
    name: 'list',
    says: 'List the keys: which one signs, and which ones still verify what they signed.',
    run: async (cli) => {
      const list = await (await cli.client()).all(routes.keys.listSigningKeys, {})
      cli.show(list, () => (list.items.length === 0 ? 'No token was signed yet.' : cli.table(columns, list.items)))
    },
  })
  addVerb<{ reason: string; withdraw?: true }>(keys, setup, {
    name: 'rotate [kind]',
    says: `Start the next key; kind is signing (the default) or sealing.
Signing: the key of agent tokens. No call fails by it: the present key signs until every verifier knows the new one,
and verifies until its last token has expired. If a key may be in other hands, --withdraw ends every token of the old ones at once.
Sealing: the newest configured key-encryption key becomes current, and everything sealed is wrapped anew. Put it in front of
WHEELHOUSE_KEYS (or of WHEELHOUSE_ENCRYPTION_KEY) of every process first and restart them; nothing changes by that. Both keys open
until the wrapping is done; when \`keys sealing\` says so, the old one can go.`,
    examples: [
      'wheelhouse keys rotate --reason "Quarterly."',
      'wheelhouse keys rotate --withdraw --reason "A backup was lost."',
      'wheelhouse keys rotate sealing --reason "Yearly."',
    ],
    options: (command) =>
      command
        .requiredOption('--reason <why>', 'for the audit log')
        .option('--withdraw', 'end every token of the old keys now; agents have to ask for new ones'),
    run: async (cli, { args: [kind = 'signing'], options }) => {
      if (kind === 'sealing') return await rotateSealingKey(cli, options)
      if (kind !== 'signing') throw new UsageError('The kind of key is signing or sealing.')
      const body = { reason: options.reason, withdraw: options.withdraw === true }
      const rotation = await (await cli.client()).call(routes.keys.rotateSigningKey, { body })
      const { kid, signsFrom, withdrawn } = rotation
      const ended = withdrawn.length > 0 ? ` ${count(withdrawn.length, 'key')} verify nothing any more.` : ''
      cli.show(rotation, () => `Key ${kid} signs from ${minute(signsFrom)} UTC on.${ended}`)
    },
  })
}

const columns: Column<KeyView>[] = [
  { title: 'KEY', value: (key) => key.kid },
  { title: 'ALGORITHM', value: (key) => key.algorithm, dispensable: 2 },
  { title: 'STATE', value: (key) => key.state },
  { title: 'MADE', value: (key) => minute(key.createdAt) },
  { title: 'SIGNS UNTIL', value: (key) => minute(key.retiredAt), dispensable: 1 },
  { title: 'LAST SIGNED', value: (key) => minute(key.lastUsedAt), dispensable: 3 },
]
