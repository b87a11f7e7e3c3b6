import type { Command } from 'commander'
import { type Kind, kinds, type Mode, modes } from '#lib/notifications/schema/kinds.ts'
import {
  type ChannelView,
  channels,
  type NotificationDeliveryView,
  type NotificationSettingsView,
} from '#lib/notifications/schema/settings.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import type { Column } from '../table.ts'
import { minute, oneLine, plain } from '../text.ts'
import { addChannelVerbs } from './notification-channels.ts'

/** The verbs of how one is told. */
export function addNotificationsCommands(program: Command, setup: Setup): void {
  const notifications = program.command('notifications').description('How you are told of what: mail, Slack, digests.')
  addVerb(notifications, setup, {
    name: 'settings',
    says: 'Show how you are told of what, and when digests come.',
    run: async (cli) => {
      const settings = await (await cli.client()).call(routes.notifications.settings, {})
      cli.show(settings, () => `${cli.table(preferenceColumns, settings.preferences)}\n\n${aboutDigest(settings)}`)
    },
  })
  addVerb(notifications, setup, {
    name: 'set <kind> <channel> <mode>',
    says: `Choose how you are told of a kind over a channel; default gives back what your roles have.
Kinds: ${kinds.join(', ')}. Channels: ${channels.join(', ')}. Modes: ${modes.join(', ')}, default.`,
    examples: ['wheelhouse notifications set grant mail weekly'],
    run: async (cli, { args: [wantedKind, wantedChannel, wantedMode] }) => {
      const kind = oneOf<Kind>(kinds, wantedKind)
      const channel = oneOf(channels, wantedChannel)
      const mode = wantedMode === 'default' ? null : oneOf<Mode>(modes, wantedMode)
      const body = { preferences: [{ kind, channel, mode }] }
      await (await cli.client()).call(routes.notifications.setPreferences, { body })
      cli.show(body, () => `${kind} over ${channel}: ${mode ?? 'as your roles have it'}.`)
    },
  })
  addVerb<{ timeZone: string; hour: string; weekday: string }>(notifications, setup, {
    name: 'digest',
    says: 'Say when your digests come.',
    options: (command) =>
      command
        .requiredOption('--time-zone <name>', 'where you are: Europe/Berlin')
        .option('--hour <0-23>', 'the hour there', '8')
        .option('--weekday <1-7>', 'of the weekly one, 1 for Monday', '1'),
    run: async (cli, { options: { timeZone, hour, weekday } }) => {
      const body = { timeZone, hour: Number(hour), weekday: Number(weekday) }
      await (await cli.client()).call(routes.notifications.setDigest, { body })
      cli.show(body, () => `Digests come at ${plain(hour)}:00 in ${plain(timeZone)}.`)
    },
  })
  addVerb(notifications, setup, {
    name: 'test-mail',
    says: 'Send a mail to yourself.',
    run: async (cli) => {
      const sent = await (await cli.client()).call(routes.notifications.testMail, {})
      cli.show(sent, () => `Asked for: delivery ${sent.deliveryId}.`)
    },
  })
  addVerb<{ channel?: string; limit: string }>(notifications, setup, {
    name: 'deliveries',
    says: 'List what was mailed to you, or sent to a channel, newest first.',
    options: (command) =>
      command.option('--channel <id>', 'what was sent to this channel').option('--limit <rows>', 'how many', '50'),
    run: async (cli, { options: { channel, limit } }) => {
      const query = { limit, ...(channel === undefined ? {} : { channelId: channel }) }
      const page = await (await cli.client()).call(routes.notifications.deliveries, { query })
      cli.show(page, () => (page.items.length === 0 ? 'Nothing was sent.' : cli.table(logColumns, page.items)))
    },
  })
  addChannelVerbs(notifications, setup)
}

function oneOf<T extends string>(values: readonly T[], given = ''): T {
  const found = values.find((value) => value === given)
  if (!found) throw new UsageError(`${given} is none of: ${values.join(', ')}.`)
  return found
}

function aboutDigest({ digest, mail, slack }: NotificationSettingsView): string {
  return [
    `Digests come at ${digest.hour}:00 in ${digest.timeZone}, the weekly one on day ${digest.weekday} of the week.`,
    mail.from ? `Mail goes to ${mail.to}.` : 'This installation sends no mail.',
    slack ? `Slack: ${describe(slack)}` : 'You have no Slack channel.',
  ].join('\n')
}

function describe({ host, enabled, disabledReason }: ChannelView): string {
  return `${host}, ${enabled ? 'on' : `off: ${oneLine(disabledReason ?? '')}`}`
}

const preferenceColumns: Column<NotificationSettingsView['preferences'][number]>[] = [
  { title: 'KIND', value: ({ kind }) => kind },
  ...channels.map((channel) => ({
    title: channel.toUpperCase(),
    value: ({ channels: by }: NotificationSettingsView['preferences'][number]) => by[channel].mode,
  })),
  { title: 'WHAT', value: ({ label }) => label, dispensable: 1 },
]

const logColumns: Column<NotificationDeliveryView>[] = [
  { title: 'MADE (UTC)', value: ({ createdAt }) => minute(createdAt) },
  { title: 'STATE', value: ({ state }) => state },
  { title: 'TRIES', value: ({ attempts }) => String(attempts), align: 'right' },
  { title: 'WHAT', value: ({ title }) => oneLine(title), widthMin: 16 },
  { title: 'LAST ERROR', value: ({ lastError }) => oneLine(lastError ?? ''), widthMin: 8, dispensable: 1 },
]
