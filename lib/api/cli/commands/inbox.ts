import type { Command } from 'commander'
import type { NotificationView } from '#lib/notifications/schema.ts'
import { type Kind, kinds } from '#lib/notifications/schema/kinds.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import type { Column } from '../table.ts'
import { count, minute, oneLine, plain } from '../text.ts'
import { choice } from './choices.ts'

/** The verbs of one's own inbox. */
export function addInboxCommands(program: Command, setup: Setup): void {
  const inbox = program.command('inbox').description('What you were told of.')
  addVerb<{ unread?: boolean; kind?: string; limit: string }>(inbox, setup, {
    name: 'list',
    says: 'List what you were told of, newest first.',
    options: (command) =>
      command
        .option('--unread', 'only what is unread')
        .addOption(choice('--kind <kind>', 'only of this kind', kinds))
        .option('--limit <rows>', 'how many at most', '50'),
    run: async (cli, { options: { unread, kind, limit } }) => {
      const state = unread ? ('unread' as const) : ('all' as const)
      const query = { state, limit, ...(kind === undefined ? {} : { kind: kind as Kind }) }
      const page = await (await cli.client()).call(routes.inbox.list, { query })
      cli.show(page, () => (page.items.length === 0 ? 'There is nothing.' : cli.table(columns, page.items)))
    },
  })
  for (const [name, read] of [
    ['read', true],
    ['unread', false],
  ] as const) {
    addVerb(inbox, setup, {
      name: `${name} <id>`,
      says: `Mark one ${name}.`,
      run: async (cli, { args: [id = ''] }) => {
        await (await cli.client()).call(routes.inbox.mark, { params: { id }, body: { read } })
        cli.show({ id, read }, () => `${plain(id)} is ${name}.`)
      },
    })
  }
  addVerb<{ until?: string }>(inbox, setup, {
    name: 'read-all',
    says: 'Mark everything read.',
    options: (command) => command.option('--until <time>', 'only what came until then (ISO 8601)'),
    run: async (cli, { options: { until } }) => {
      const body = until === undefined ? {} : { until }
      const done = await (await cli.client()).call(routes.inbox.markAll, { body })
      cli.show(done, () => `${count(done.marked, 'notification')} marked read.`)
    },
  })
}

const columns: Column<NotificationView>[] = [
  { title: '', value: ({ readAt }) => (readAt === null ? '•' : '') },
  { title: 'TOLD (UTC)', value: ({ toldAt }) => minute(toldAt) },
  { title: 'WHAT', value: ({ title }) => oneLine(title), widthMin: 20 },
  { title: 'WHERE', value: ({ path }) => path, dispensable: 1 },
  { title: 'ID', value: ({ id }) => id, dispensable: 2 },
]
