import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { times } from '#lib/core/count.ts'
import { parseDollars } from '#lib/core/money.ts'
import { catalogColumns } from '#lib/registry/schema/columns.ts'
import { agentSorts, type AgentListQuery, tiers } from '#lib/registry/schema.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import { Failed, UsageError } from '../errors.ts'
import { facts } from '../table.ts'
import { driftText } from './drift-text.ts'
import { textFrom } from '../text-file.ts'
import { costText, count, minute, money, oneLine, percent, plain } from '../text.ts'
import { choice } from './choices.ts'
import { ownLimit } from './numbers.ts'
import { personWith } from './people.ts'

type Update = { name?: string; purpose?: string; owner?: string; accountable?: string; tier?: string; budget?: string }
type Logic = { promptFile?: string; set?: string[]; template?: string }

/** What changes an agent, and what became of it. */
export function addAgentLifeVerbs(agents: Command, setup: Setup): void {
  addVerb<Update>(agents, setup, {
    name: 'update <id>',
    says: 'Change facts of the registry entry.',
    options: (command) =>
      command
        .option('--name <text>', 'its name')
        .option('--purpose <text>', 'what it is for')
        .option('--owner <team>', 'the team it belongs to')
        .option('--accountable <person>', 'who answers for it, by e-mail address or name')
        .addOption(choice('--tier <tier>', 'its risk tier (with agents:classify)', tiers))
        .option('--budget <dollars>', 'a month; none: the default'),
    run: async (cli, { args: [id = ''], options }) => {
      const client = await cli.client()
      const { name, purpose, owner, accountable, tier, budget } = options
      const body = {
        ...(name === undefined ? {} : { name }),
        ...(purpose === undefined ? {} : { purpose }),
        ...(owner === undefined ? {} : { ownerTeamId: owner }),
        ...(accountable === undefined ? {} : { accountablePersonId: await personWith(client, accountable) }),
        ...(tier === undefined ? {} : { tier: tiers.find((candidate) => candidate === tier) }),
        ...(budget === undefined ? {} : { monthlyBudgetMicros: microsOf(budget) }),
      }
      if (Object.keys(body).length === 0) throw new UsageError('Say what to change; see --help.')
      const agent = await client.call(routes.agents.update, { params: { id }, body })
      cli.show(agent, () => `${plain(id)} is changed.`)
    },
  })
  addVerb<{ reason?: string }>(agents, setup, {
    name: 'call-rate <id> [calls]',
    says: `Show or set how many calls a second an agent may make at all brokers together, milder than a stop. Each of them takes an equal part.
"default" is as many as any other.`,
    examples: ['wheelhouse agents call-rate invoice-reconciler-7 2 --reason "It asks the ERP in a loop."'],
    options: (command) => command.option('--reason <text>', 'why; the owner and the audit log keep it'),
    run: async (cli, { args: [id = '', calls], options: { reason } }) => {
      const callsPerSecond = calls === undefined ? undefined : ownLimit('calls', calls)
      if (calls !== undefined && reason === undefined) throw new UsageError('Say why, with --reason.')
      const client = await cli.client()
      const params = { id }
      const now =
        callsPerSecond === undefined
          ? await client.call(routes.agents.callRate, { params })
          : await client.call(routes.agents.limitCalls, { params, body: { callsPerSecond, reason: reason! } })
      const often = now.callsPerSecond === null ? 'as often as any other' : `${times(now.callsPerSecond)} a second`
      cli.show(now, () => `${plain(id)} may call ${often}, at all brokers together.`)
    },
  })
  addVerb<{ off?: boolean }>(agents, setup, {
    name: 'schedule <id> [cron]',
    says: 'Set when an agent starts by itself: five cron fields in UTC, in quotes. Without them it does not.',
    examples: ["wheelhouse agents schedule invoice-reconciler-7 '0 6 * * 1-5'"],
    options: (command) => command.option('--off', 'keep the schedule, and start nothing by it'),
    run: async (cli, { args: [id = '', cron], options }) => {
      const body = { schedule: cron ?? null, enabled: !options.off }
      await (await cli.client()).call(routes.agents.schedule, { params: { id }, body })
      cli.show({ id, ...body }, () => `${plain(id)} ${cron ? `starts at ${cron}` : 'is only started by hand'}.`)
    },
  })
  addVerb(agents, setup, {
    name: 'review <id>',
    says: 'Record that you have reviewed an agent: it is still needed, and its scopes fit.',
    run: async (cli, { args: [id = ''] }) => {
      const { nextReviewAt } = await (await cli.client()).call(routes.agents.review, { params: { id } })
      cli.show({ id, nextReviewAt }, () => `Reviewed; the next review is due ${minute(nextReviewAt)}.`)
    },
  })
  addVerb<Logic>(agents, setup, {
    name: 'logic <id>',
    says: 'Give an agent a new version of its logic; what is not given stays as it is.',
    options: (command) =>
      command
        .option('--prompt-file <file>', 'your instructions; - is standard input')
        .option('--set <name=value...>', 'parameters of the template')
        .option('--template <version>', 'move to this version of the template'),
    run: async (cli, { args: [id = ''], options }) => {
      const client = await cli.client()
      const agent = await client.call(routes.agents.show, { params: { id } })
      const file = options.promptFile
      const prompt = file === undefined ? agent.layer.prompt : await textFrom(cli.terminal, file)
      const body = {
        layer: { prompt, parameters: { ...agent.layer.parameters, ...parametersOf(options.set ?? []) } },
        expectedVersion: agent.version,
        ...(options.template === undefined ? {} : { templateVersion: options.template }),
      }
      const made = await client.call(routes.agents.logic, { params: { id }, body })
      cli.show(made, () => `Version ${made.version} of ${plain(id)} is made.`)
    },
  })
  addVerb(agents, setup, {
    name: 'versions <id>',
    says: 'List the versions of an agent, newest first.',
    run: async (cli, { args: [id = ''] }) => {
      const list = await (await cli.client()).all(routes.agents.versions, { params: { id } })
      cli.show(list, () =>
        cli.table(
          [
            { title: 'VERSION', value: (row) => String(row.version), align: 'right' },
            { title: 'TEMPLATE', value: (row) => `${row.templateId}@${row.templateVersion}` },
            { title: 'MADE', value: (row) => minute(row.createdAt) },
            { title: 'BY', value: (row) => row.createdBy?.name ?? '', widthMin: 6 },
          ],
          list.items,
        ),
      )
    },
  })
  addVerb(agents, setup, {
    name: 'drift <id>',
    says: 'Say how far an agent is behind its template, what was published since, and what moving to it would change.',
    run: async (cli, { args: [id = ''] }) => {
      const drift = await (await cli.client()).call(routes.agents.drift, { params: { id } })
      cli.show(drift, () => driftText(drift))
    },
  })
  addVerb(agents, setup, {
    name: 'version <id> <number>',
    says: 'Show one version: your layer, and what was rendered from it and the template.',
    run: async (cli, { args: [id = '', number = ''] }) => {
      const params = { id, version: Number(number) }
      const version = await (await cli.client()).call(routes.agents.version, { params })
      cli.show(version, () => JSON.stringify({ layer: version.layer, rendered: version.rendered }, null, 2))
    },
  })
  addVerb(agents, setup, {
    name: 'retry <id>',
    says: 'Try a creation again that failed; what is done stays done.',
    run: async (cli, { args: [id = ''] }) => {
      const retried = await (await cli.client()).call(routes.agents.retryCreation, { params: { id } })
      cli.show(retried, () => `The creation of ${plain(id)} goes on.`)
    },
  })
  addVerb<{ limit: string; all?: boolean }>(agents, setup, {
    name: 'timeline <id>',
    says: 'Show what happened to an agent, newest first: everything on record but its calls.',
    options: (command) =>
      command
        .option('--limit <rows>', 'how many at most, up to 100', '20')
        .option('--all', 'everything since its registration'),
    run: async (cli, { args: [id = ''], options: { limit, all } }) => {
      const client = await cli.client()
      const list = all
        ? await client.all(routes.agents.timeline, { params: { id }, query: { limit: 100 } })
        : await client.call(routes.agents.timeline, { params: { id }, query: { limit } })
      cli.show(list, () =>
        cli.table(
          [
            { title: 'TIME', value: (entry) => minute(entry.at) },
            { title: 'EVENT', value: (entry) => entry.event },
            { title: 'BY', value: (entry) => entry.actor.name, widthMin: 6 },
            { title: 'REASON', value: (entry) => oneLine(entry.reason ?? ''), widthMin: 10, dispensable: 1 },
          ],
          list.items,
        ),
      )
    },
  })
  addVerb<{ days: string }>(agents, setup, {
    name: 'metrics <id>',
    says: 'Show runs, cost and escalations of an agent over the last days.',
    options: (command) => command.option('--days <number>', 'how far back', '30'),
    run: async (cli, { args: [id = ''], options: { days } }) => {
      const found = await (await cli.client()).call(routes.agents.metrics, { params: { id }, query: { days } })
      const { totals, month } = found
      cli.show(found, () =>
        facts([
          ['Runs', `${count(totals.runs, 'run')}, ${totals.failed} failed`],
          ['Cost', costText(totals)],
          ['Escalated', percent(totals.escalationRate)],
          ['Denied calls', String(totals.deniedCalls)],
          ['This month', `${money(month.spentMicros)} of ${money(month.budgetMicros)}`],
        ]),
      )
    },
  })
  addVerb<{ output?: string; sort: string; desc?: boolean; asOf?: string; columns?: string; ids?: string }>(
    agents,
    setup,
    {
      name: 'csv [query...]',
      says: 'Print the agents that match as comma-separated values, in the order asked for; or those named, as they are named.',
      options: (command) =>
        command
          .addOption(choice('--sort <by>', 'order of the list', agentSorts).default('id'))
          .option('--desc', 'the other way round')
          .option('--as-of <instant>', 'as it was then')
          .option('--ids <list>', 'these agents, separated by commas, instead of a query')
          .option(
            '--columns <list>',
            `what to show, separated by commas: ${catalogColumns.join(', ')}; everything if left out`,
          )
          .option('-o, --output <file>', 'write to this file'),
      run: async (cli, { args, options }) => {
        const query = {
          ...(options.columns === undefined ? {} : { columns: options.columns }),
          ...(options.ids === undefined ? {} : { ids: options.ids }),
          q: args.join(' '),
          sort: options.sort as AgentListQuery['sort'],
          order: options.desc ? ('desc' as const) : ('asc' as const),
          ...(options.asOf === undefined ? {} : { asOf: options.asOf }),
        }
        const text = await (await cli.client()).call(routes.agents.csv, { query })
        if (options.output === undefined) return cli.terminal.out(text.replace(/\r?\n$/, ''))
        await writeFile(options.output, text).catch((error: unknown) => {
          throw new Failed(`${options.output} could not be written: ${String(error)}`)
        })
        cli.terminal.err(`Written to ${options.output}.`)
      },
    },
  )
}

function microsOf(dollars: string): string | null {
  if (dollars === 'none') return null
  const micros = parseDollars(dollars)
  if (micros === null) throw new UsageError('Write a budget as 250 or 99.50, or none.')
  return micros.toString()
}

/** A value is a number or true or false when it reads as one, as YAML has it. */
function parametersOf(pairs: readonly string[]): Record<string, string | number | boolean> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at < 1) throw new UsageError(`${JSON.stringify(pair)} is no name=value.`)
      const value = pair.slice(at + 1)
      const number = /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value
      return [pair.slice(0, at), value === 'true' ? true : value === 'false' ? false : number]
    }),
  )
}
