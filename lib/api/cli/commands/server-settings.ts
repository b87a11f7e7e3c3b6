import type { Command } from 'commander'
import type { ServerLimits } from '#lib/guardrails/schema/server-guards.ts'
import { boundaryWords, processBoundaries } from '#lib/core/process-boundary.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import { minute, oneLine, plain, second } from '../text.ts'
import { addCallPriceVerbs } from './call-prices.ts'
import { choice } from './choices.ts'
import { ownLimits } from './numbers.ts'

const limitNames = ['callsPerSecond', 'callDeadlineSeconds', 'resultBytesMax', 'resultDepthMax'] as const

const lessWaits = ' What guards less is proposed: it counts when somebody else confirms it (servers loosenings).'

const boundaryChoices = processBoundaries.map((each) => `${each} (${boundaryWords[each]})`).join(', ')

type Guards = { maskSecrets?: string; blockMarked?: string }
type Credential = { kind: string; headerName?: string; team?: string; reason?: string; expires?: string }

/** How a server is guarded, divided and signed in to. */
export function addServerSettingVerbs(servers: Command, setup: Setup): void {
  addVerb<Guards>(servers, setup, {
    name: 'guards <id>',
    says: `Show or change what the broker does with the results of a server.${lessWaits}`,
    options: (command) =>
      command
        .addOption(choice('--mask-secrets <on|off>', 'secrets in results are masked', ['on', 'off']))
        .addOption(choice('--block-marked <on|off>', 'results that speak to the model are refused', ['on', 'off'])),
    run: async (cli, { args: [id = ''], options: { maskSecrets, blockMarked } }) => {
      const client = await cli.client()
      const body = {
        ...(maskSecrets === undefined ? {} : { maskSecrets: maskSecrets === 'on' }),
        ...(blockMarked === undefined ? {} : { blockMarked: blockMarked === 'on' }),
      }
      const changed = Object.keys(body).length > 0
      const guards = changed
        ? await client.call(routes.servers.setGuards, { params: { id }, body })
        : await client.call(routes.servers.showGuards, { params: { id } })
      const word = (on: boolean) => (on ? 'on' : 'off')
      cli.show(
        guards,
        () =>
          `mask secrets: ${word(guards.maskSecrets)}\nblock marked: ${word(guards.blockMarked)}${waitingText(guards)}`,
      )
    },
  })
  addVerb<Record<keyof ServerLimits, string | undefined>>(servers, setup, {
    name: 'limits <id>',
    says: `Show or set how much the broker asks of an MCP server and takes from it; "default" is as of any other.${lessWaits}`,
    examples: ['wheelhouse servers limits erp --calls-per-second 20 --call-deadline-seconds 120'],
    options: (command) =>
      command
        .option(
          '--calls-per-second <n>',
          'calls that all brokers together send it, each an equal part; four seconds’ worth at once',
        )
        .option('--call-deadline-seconds <n>', 'seconds until it has answered a call, 600 at most; others have 60')
        .option('--result-bytes-max <n>', 'bytes of a result, at most 268435456; never more than of any other')
        .option('--result-depth-max <n>', 'levels in a result, at most 64; never more than of any other'),
    run: async (cli, { args: [id = ''], options }) => {
      const body = ownLimits(limitNames, options)
      const client = await cli.client()
      const guards =
        Object.keys(body).length === 0
          ? await client.call(routes.servers.showGuards, { params: { id } })
          : await client.call(routes.servers.setGuards, { params: { id }, body })
      cli.show(
        guards,
        () => limitNames.map((name) => `${name}  ${guards[name] ?? 'default'}`).join('\n') + waitingText(guards),
      )
    },
  })
  addCallPriceVerbs(servers, setup)
  addVerb(servers, setup, {
    name: 'boundary <id> <boundary>',
    says: `Say how the processes of a server over stdio are divided: ${boundaryChoices}.${lessWaits}`,
    run: async (cli, { args: [id = '', wanted = ''] }) => {
      const boundary = processBoundaries.find((candidate) => candidate === wanted)
      if (!boundary) throw new UsageError(`Use one of: ${processBoundaries.join(', ')}.`)
      const client = await cli.client()
      const { waits } = await client.call(routes.servers.setBoundary, { params: { id }, body: { boundary } })
      cli.show({ id, boundary, waits }, () =>
        waits
          ? `Proposed for ${plain(id)}: ${boundaryWords[boundary]}. It counts when somebody else confirms it.`
          : `${plain(id)}: ${boundaryWords[boundary]}.`,
      )
    },
  })
  addVerb(servers, setup, {
    name: 'health <id>',
    says: 'Show which brokers leave a server alone since it failed, and until when.',
    run: async (cli, { args: [id = ''] }) => {
      const list = await (await cli.client()).all(routes.servers.listHealth, { params: { id } })
      cli.show(list, () =>
        list.items.length === 0
          ? `No broker leaves it alone. When one reached it last: wheelhouse servers show ${plain(id)}`
          : cli.table(
              [
                { title: 'BROKER', value: (row) => row.broker },
                { title: 'STATE', value: (row) => (row.state === 'open' ? 'left alone' : 'answers again') },
                { title: 'FAILURES', value: (row) => String(row.failures), align: 'right' },
                { title: 'SINCE (UTC)', value: (row) => minute(row.changedAt) },
                { title: 'NEXT TRY (UTC)', value: (row) => (row.retryAt === null ? '' : second(row.retryAt)) },
                { title: 'ERROR', value: (row) => oneLine(row.lastError ?? ''), widthMin: 10 },
              ],
              list.items,
            ),
      )
    },
  })
  addVerb<Credential>(servers, setup, {
    name: 'set-credential <id>',
    says: `Set what the broker shows a server; it is read from standard input and never shown again.
For basic it is user:password; for a program the value of its variable, or of several {"A":"…","B":"…"}, of the kind bearer. Certificates and OAuth clients are set on the page, or with the API; an OAuth client
names its authorization server ("servers probe" says which one the server names, whoever gave you the client which one it is for).`,
    examples: ['pass show erp | wheelhouse servers set-credential erp --kind bearer --reason "Rotated."'],
    options: (command) =>
      command
        .addOption(choice('--kind <kind>', 'what it is', ['bearer', 'basic', 'header']).default('bearer'))
        .option('--header-name <name>', 'with --kind header, which needs it: the name of the header')
        .option('--team <id>', 'for this team alone')
        .option('--expires <time>', 'when it ends, in ISO 8601')
        .option('--reason <text>', 'why; the audit log keeps it'),
    run: async (cli, { args: [id = ''], options }) => {
      if (options.kind === 'header' && options.headerName === undefined) {
        throw new UsageError('Name the header, with --header-name.')
      }
      const secret = (await cli.terminal.readInput()).trim()
      const common = {
        secret,
        teamId: options.team ?? null,
        ...(options.reason === undefined ? {} : { reason: options.reason }),
        ...(options.expires === undefined ? {} : { expiresAt: options.expires }),
      }
      const body =
        options.kind === 'header'
          ? { kind: 'header' as const, headerName: options.headerName ?? '', ...common }
          : { kind: options.kind === 'basic' ? ('basic' as const) : ('bearer' as const), ...common }
      await (await cli.client()).call(routes.registry.setServerCredential, { params: { id }, body })
      cli.show({ id, kind: options.kind }, () => `The credential of ${plain(id)} is set.`)
    },
  })
  addVerb<{ team?: string; reason: string }>(servers, setup, {
    name: 'remove-credential <id>',
    says: 'Take a credential away from a server; calls that would need it are refused from then on.',
    options: (command) =>
      command
        .option('--team <id>', 'that of this team')
        .requiredOption('--reason <text>', 'why; the audit log keeps it'),
    run: async (cli, { args: [id = ''], options: { team, reason } }) => {
      const body = { teamId: team ?? null, reason }
      await (await cli.client()).call(routes.registry.removeServerCredential, { params: { id }, body })
      cli.show({ id, removed: true }, () => `The credential of ${plain(id)} is gone.`)
    },
  })
}

function waitingText(guards: object): string {
  const waits = 'waits' in guards && guards.waits === true
  return waits ? '\nWhat guards less is proposed: it counts when somebody else confirms it (servers loosenings).' : ''
}
