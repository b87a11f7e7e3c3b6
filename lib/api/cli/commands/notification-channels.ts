import type { Command } from 'commander'
import type { ChannelView } from '#lib/notifications/schema/settings.ts'
import { type Kind, kinds } from '#lib/notifications/schema/kinds.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import type { Column } from '../table.ts'
import { minute, plain } from '../text.ts'
import { addShowVerb } from './show-one.ts'

/** The verbs of Slack channels: one’s own, a team’s, the organization’s. */
export function addChannelVerbs(notifications: Command, setup: Setup): void {
  addVerb(notifications, setup, {
    name: 'channels',
    says: 'List the Slack channels of your teams, and of the organization.',
    run: async (cli) => {
      const list = await (await cli.client()).all(routes.notifications.listChannels, {})
      cli.show(list, () => (list.items.length === 0 ? 'There are no channels.' : cli.table(columns, list.items)))
    },
  })
  addVerb<{ team?: string; organization?: boolean; name?: string; kind?: string[] }>(notifications, setup, {
    name: 'add-channel',
    says: `Add an incoming webhook of Slack; its address is asked for, or read from standard input.
Without --team or --organization it is your own, and takes the place of the one before.`,
    options: (command) =>
      command
        .option('--team <id>', 'a team’s')
        .option('--organization', 'the organization’s')
        .option('--name <text>', 'what it is called')
        .option('--kind <kinds...>', `what it is told of: ${kinds.join(', ')}`),
    run: async (cli, { options: { team, organization, name, kind = [] } }) => {
      const unknown = kind.find((each) => !(kinds as readonly string[]).includes(each))
      if (unknown !== undefined) throw new UsageError(`${unknown} is none of: ${kinds.join(', ')}.`)
      const { terminal } = cli
      const given = terminal.interactive
        ? await terminal.askSecretly('Address of the webhook: ')
        : await terminal.readInput()
      const url = given.trim()
      const called = { name: name ?? 'Slack', url }
      const shared = { ...called, kinds: kind as Kind[] }
      const body =
        team !== undefined
          ? { owner: 'team' as const, teamId: team, ...shared }
          : organization
            ? { owner: 'organization' as const, ...shared }
            : { owner: 'me' as const, ...called }
      const made = await (await cli.client()).call(routes.notifications.createChannel, { body })
      cli.show(made, () => `Channel ${made.channelId} is on.`)
    },
  })
  for (const [name, enabled] of [
    ['enable-channel', true],
    ['disable-channel', false],
  ] as const) {
    addVerb(notifications, setup, {
      name: `${name} <id>`,
      says: enabled ? 'Switch a channel on.' : 'Switch a channel off; what waits for it is given up.',
      run: async (cli, { args: [id = ''] }) => {
        await (await cli.client()).call(routes.notifications.updateChannel, { params: { id }, body: { enabled } })
        cli.show({ id, enabled }, () => `Channel ${plain(id)} is switched ${enabled ? 'on' : 'off'}.`)
      },
    })
  }
  addShowVerb(notifications, setup, {
    name: 'show-channel <id>',
    says: 'Show one channel.',
    endpoint: routes.notifications.showChannel,
    request: (id) => ({ params: { id } }),
    columns: columns,
  })
  addVerb(notifications, setup, {
    name: 'test-channel <id>',
    says: 'Send a test to a channel.',
    run: async (cli, { args: [id = ''] }) => {
      const sent = await (await cli.client()).call(routes.notifications.testChannel, { params: { id } })
      cli.show(sent, () => `Asked for: delivery ${sent.deliveryId}.`)
    },
  })
  addVerb(notifications, setup, {
    name: 'delete-channel <id>',
    says: 'End a channel, with its delivery log.',
    run: async (cli, { args: [id = ''] }) => {
      await (await cli.client()).call(routes.notifications.deleteChannel, { params: { id } })
      cli.show({ deleted: id }, () => `Channel ${plain(id)} is deleted.`)
    },
  })
}

const columns: Column<ChannelView>[] = [
  { title: 'NAME', value: ({ name }) => name, widthMin: 10 },
  { title: 'OF', value: ({ owner, team }) => team?.name ?? owner },
  { title: 'STATE', value: ({ enabled, last }) => (enabled ? (last?.state === 'failed' ? 'failing' : 'on') : 'off') },
  { title: 'TOLD OF', value: ({ kinds: told }) => told.join(' '), widthMin: 10, dispensable: 2 },
  { title: 'LAST (UTC)', value: ({ last }) => (last ? minute(last.at) : ''), dispensable: 1 },
  { title: 'ID', value: ({ id }) => id },
]
