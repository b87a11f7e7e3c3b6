import type { Command } from 'commander'
import type { WebhookDeliveryView, WebhookView } from '#lib/webhooks/schema.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import { type Column, facts } from '../table.ts'
import { count, minute, oneLine, plain } from '../text.ts'
import { choice } from './choices.ts'

export function addWebhooksCommands(program: Command, setup: Setup): void {
  const webhooks = program
    .command('webhooks')
    .alias('webhook')
    .description('Webhooks: addresses outside that are told of audit events.')
  addVerb(webhooks, setup, {
    name: 'list',
    says: 'List the webhooks, with how their deliveries of the last seven days fared.',
    run: async (cli) => {
      const list = await (await cli.client()).all(routes.webhooks.list, {})
      cli.show(list, () => (list.items.length === 0 ? 'There are no webhooks.' : cli.table(columns, list.items)))
    },
  })
  addVerb<{ event: string[]; description: string }>(webhooks, setup, {
    name: 'create <url>',
    says: `Register an address and print its secret: the only time that it can be read.
Messages follow the Standard Webhooks specification; its libraries verify their signatures with the secret.`,
    examples: ['wheelhouse webhooks create https://pager.example.com/wheelhouse --event stop.* agent.suspended'],
    options: (command) =>
      command
        .requiredOption('--event <events...>', 'audit events: agent.created, a family agent.*, or * for all but calls')
        .option('--description <text>', 'what it is for', ''),
    run: async (cli, { args: [url = ''], options }) => {
      const body = { url, events: options.event, description: options.description }
      const made = await (await cli.client()).call(routes.webhooks.create, { body })
      cli.show(made, () => made.secret)
      if (!cli.json) cli.terminal.err(`Its id is ${made.webhookId}.`)
    },
  })
  addVerb(webhooks, setup, {
    name: 'show <id>',
    says: 'Show a webhook and its last deliveries.',
    run: async (cli, { args: [id = ''] }) => {
      const client = await cli.client()
      const webhook = await client.call(routes.webhooks.show, { params: { id } })
      const log = await client.call(routes.webhooks.deliveries, { params: { id }, query: { limit: '10' } })
      cli.show(
        { ...webhook, deliveries: log.items },
        () => `${describe(webhook)}\n\n${cli.table(logColumns, log.items)}`,
      )
    },
  })
  addVerb<{ state?: string; limit: string }>(webhooks, setup, {
    name: 'deliveries <id>',
    says: 'List the deliveries of a webhook, newest first.',
    options: (command) =>
      command
        .addOption(choice('--state <state>', 'in this state', ['pending', 'delivered', 'failed']))
        .option('--limit <rows>', 'how many at most', '50'),
    run: async (cli, { args: [id = ''], options: { state, limit } }) => {
      const query = { state: state as WebhookDeliveryView['state'] | undefined, limit }
      const log = await (await cli.client()).call(routes.webhooks.deliveries, { params: { id }, query })
      cli.show(log, () => (log.items.length === 0 ? 'There is no such delivery.' : cli.table(logColumns, log.items)))
    },
  })
  for (const [name, enabled] of [
    ['enable', true],
    ['disable', false],
  ] as const) {
    addVerb(webhooks, setup, {
      name: `${name} <id>`,
      says: enabled
        ? 'Switch a webhook on; it is told of what happens from now on.'
        : 'Switch a webhook off; what happens meanwhile is not sent later.',
      run: async (cli, { args: [id = ''] }) => {
        await (await cli.client()).call(routes.webhooks.update, { params: { id }, body: { enabled } })
        cli.show({ id, enabled }, () => `Webhook ${plain(id)} is switched ${enabled ? 'on' : 'off'}.`)
      },
    })
  }
  addVerb(webhooks, setup, {
    name: 'test <id>',
    says: 'Send a test message.',
    run: async (cli, { args: [id = ''] }) => {
      const sent = await (await cli.client()).call(routes.webhooks.test, { params: { id } })
      cli.show(sent, () => `Asked for: delivery ${sent.deliveryId}.`)
    },
  })
  addVerb<{ delivery?: string; failedSince?: string }>(webhooks, setup, {
    name: 'replay <id>',
    says: 'Send one delivery again, or all that failed since a time.',
    examples: ['wheelhouse webhooks replay <id> --failed-since 2026-11-25T12:00Z'],
    options: (command) =>
      command
        .option('--delivery <id>', 'this delivery')
        .option('--failed-since <time>', 'all that failed since then (ISO 8601)'),
    run: async (cli, { args: [id = ''], options: { delivery, failedSince } }) => {
      const body = delivery ? { deliveryId: delivery } : { failedSince: failedSince ?? '' }
      const done = await (await cli.client()).call(routes.webhooks.replay, { params: { id }, body })
      cli.show(done, () => `${count(done.replayed, 'delivery', 'deliveries')} will be sent again.`)
    },
  })
  addVerb(webhooks, setup, {
    name: 'rotate <id>',
    says: 'Give a webhook a new secret and print it; the one before signs as well for a day.',
    run: async (cli, { args: [id = ''] }) => {
      const rotated = await (await cli.client()).call(routes.webhooks.rotate, { params: { id } })
      cli.show(rotated, () => rotated.secret)
      if (!cli.json) cli.terminal.err(`The one before signs until ${minute(rotated.previousUntil)} UTC.`)
    },
  })
  addVerb(webhooks, setup, {
    name: 'delete <id>',
    says: 'End a webhook, with its delivery log.',
    run: async (cli, { args: [id = ''] }) => {
      await (await cli.client()).call(routes.webhooks.remove, { params: { id } })
      cli.show({ deleted: id }, () => `Webhook ${plain(id)} is deleted.`)
    },
  })
}

const columns: Column<WebhookView>[] = [
  { title: 'ID', value: (webhook) => webhook.id },
  { title: 'URL', value: (webhook) => webhook.url, widthMin: 16 },
  { title: 'STATE', value: stateOf },
  { title: 'EVENTS', value: (webhook) => webhook.events.join(' '), widthMin: 10, dispensable: 2 },
  { title: 'DELIVERED 7 D', value: ({ week }) => String(week.delivered), align: 'right', dispensable: 1 },
  { title: 'FAILED 7 D', value: ({ week }) => String(week.failed), align: 'right', dispensable: 1 },
]

const logColumns: Column<WebhookDeliveryView>[] = [
  { title: 'ID', value: (delivery) => delivery.id },
  { title: 'EVENT', value: (delivery) => delivery.event },
  { title: 'STATE', value: (delivery) => delivery.state },
  { title: 'TRIES', value: (delivery) => String(delivery.attempts.length), align: 'right' },
  { title: 'LAST ANSWER', value: lastAnswer, widthMin: 8 },
  { title: 'MADE (UTC)', value: (delivery) => minute(delivery.createdAt), dispensable: 1 },
]

function stateOf(webhook: WebhookView): string {
  if (!webhook.enabled) return 'off'
  return webhook.failingSince ? 'failing' : 'on'
}

function lastAnswer({ attempts }: WebhookDeliveryView): string {
  const last = attempts.at(-1)
  return last ? (last.status === null ? oneLine(last.error ?? '') : String(last.status)) : ''
}

function describe(webhook: WebhookView): string {
  return facts([
    ['Webhook', webhook.id],
    ['Address', webhook.url],
    ['For', oneLine(webhook.description) || null],
    ['Events', webhook.events.join(' ')],
    ['State', webhook.disabledReason ? `off: ${oneLine(webhook.disabledReason)}` : stateOf(webhook)],
    ['Failing since', webhook.failingSince && `${minute(webhook.failingSince)} UTC`],
    ['Made', `${minute(webhook.createdAt)} UTC by ${oneLine(webhook.createdBy)}`],
  ])
}
