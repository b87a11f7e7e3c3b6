import type { Command } from 'commander'
import { routes } from '../../routes.ts'
import type { KeyView } from '../../routes/keys.ts'
import { addVerb, type Setup } from '../cli.ts'
import type { Column } from '../table.ts'
import { count, minute } from '../text.ts'

export function addKeyCommands(program: Command, setup: Setup): void {
  const keys = program.command('keys').description('The keys that sign agent tokens.')
  addVerb(keys, setup, {
    name: 'list',
    says: 'List the keys: which one signs, and which ones still verify what they signed.',
    run: async (cli) => {
      const list = await (await cli.client()).call(routes.keys.listSigningKeys, {})
      cli.show(list, () => (list.items.length === 0 ? 'No token was signed yet.' : cli.table(columns, list.items)))
    },
  })
  addVerb<{ reason: string; withdraw?: true }>(keys, setup, {
    name: 'rotate',
    says: `Start the next signing key of agent tokens. No call fails by it: the present key signs until every verifier knows the new one,
and verifies until its last token has expired. If a key may be in other hands, --withdraw ends every token of the old ones at once.`,
    examples: [
      'wheelhouse keys rotate --reason "Quarterly."',
      'wheelhouse keys rotate --withdraw --reason "A backup was lost."',
    ],
    options: (command) =>
      command
        .requiredOption('--reason <why>', 'for the audit log')
        .option('--withdraw', 'end every token of the old keys now; agents have to ask for new ones'),
    run: async (cli, { options }) => {
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
  { title: 'STATE', value: (key) => key.state },
  { title: 'MADE', value: (key) => minute(key.createdAt) },
  { title: 'SIGNS UNTIL', value: (key) => minute(key.retiredAt), dispensable: 1 },
]
