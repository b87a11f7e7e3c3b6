import type { Command } from 'commander'
import { DomainError } from '#lib/core/errors.ts'
import {
  type BlastRadius,
  type OrderStopInput,
  type StopOrderView,
  type StopScope,
  stopScopes,
} from '#lib/killswitch/schema.ts'
import { organizationTarget } from '#lib/killswitch/schema/target.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import { ApiRefusal, Failed, Unreachable, UsageError } from '../errors.ts'
import { findDatabase } from '../local-database.ts'
import { type Column } from '../table.ts'
import { count, minute, oneLine, plain } from '../text.ts'
import { addShowVerb } from './show-one.ts'

/** Nobody waits longer for the portal in an emergency. */
const orderTimeoutMs = 5000

type KillOptions = { reason?: string; yes?: boolean; database?: boolean }

export function addStopCommands(program: Command, setup: Setup): void {
  addVerb<KillOptions>(program, setup, {
    name: 'kill [scope] [target]',
    says: `Stop an agent, a server, a tool, a team or the whole organization from now on.
scope is agent, server, tool (as server/tool), team or organization. Launches and calls are refused within a second, runs are
stopped. When the portal cannot be reached, the order goes straight to the database, if this machine knows it. Without a scope the
orders in force are listed.`,
    examples: [
      'wheelhouse kill agent invoice-reconciler-7 --reason "It posts to the wrong ledger."',
      'wheelhouse kill organization --reason "Credentials leaked." --yes',
    ],
    options: (command) =>
      command
        .option('--reason <text>', 'why; every page shows it')
        .option('--yes', 'do not ask, whatever it stops')
        .option('--database', 'straight to the database, without asking the portal'),
    run: (cli, { args, options }) => kill(cli, args, options),
  })
  addShowVerb(program, setup, {
    name: 'stop-order <order>',
    says: 'Show one stop order, also one that has ended.',
    endpoint: routes.control.showStop,
    request: (id) => ({ params: { id } }),
    columns: orderColumns,
  })
  addVerb<{ reason: string }>(program, setup, {
    name: 'resume <order|scope> [target]',
    says: `End a stop order; nothing restarts by itself. That of the whole organization two people end, within an hour.
Name the order's id, or what it stops: agent <id>, server <id>, team <id>, tool <server/tool>, organization.`,
    examples: ['wheelhouse resume agent invoice-reconciler-7 --reason "The ledger is fixed."'],
    options: (command) => command.requiredOption('--reason <text>', 'why; the audit log keeps it'),
    run: (cli, { args, options }) => resume(cli, args, options.reason),
  })
  addVerb(program, setup, {
    name: 'keep-stopped <order>',
    says: 'Take back that you have asked to end the stop of the whole organization: it stays in force.',
    run: async (cli, { args: [id = ''] }) => {
      await (await cli.client()).call(routes.control.withdrawRelease, { params: { id } })
      cli.show({ id }, () => `Order ${plain(id)} stays in force.`)
    },
  })
}

async function kill(cli: Cli, args: string[], options: KillOptions): Promise<void> {
  const [scope, target] = args
  if (scope === undefined) return await listOpen(cli)
  if (!options.reason) throw new UsageError('Say why: --reason "…". Every page shows it.')
  const order = { ...targetOf(scope, target), reason: options.reason }
  if (options.database) return await killDirectly(cli, order, 'As you wished, the portal was not asked.')
  try {
    const client = await cli.client()
    if (cli.terminal.interactive && !options.yes) await confirm(cli, order)
    const ordered = await client.call(routes.control.orderStop, { body: order }, { timeoutMs: orderTimeoutMs })
    cli.show(
      ordered,
      () => `Stopped: ${said(order)}. Order ${ordered.orderId}, ${count(ordered.runs, 'run')} being stopped.`,
    )
  } catch (error) {
    const away = error instanceof Unreachable || (error instanceof ApiRefusal && error.status >= 500)
    if (!away) throw error
    await killDirectly(cli, order, error.message)
  }
}

async function killDirectly(cli: Cli, order: OrderStopInput, why: string): Promise<void> {
  const databaseUrl = await findDatabase(cli.config)
  if (databaseUrl === null) {
    throw new Unreachable(
      `${why}\nNothing is stopped. This machine knows no database either: set DATABASE_URL, or WHEELHOUSE_HOME to the data folder.`,
    )
  }
  cli.terminal.err(`${why}\nOrdering the stop straight in the database, as ${cli.config.user}.`)
  // Loaded only now: the database client is large, and no other verb needs it.
  const { orderStopDirectly } = await import('../direct-stop.ts')
  const outcome = await orderStopDirectly(databaseUrl, { ...order, user: cli.config.user }).catch((error: unknown) => {
    if (error instanceof DomainError) throw new ApiRefusal(0, { detail: error.message })
    throw new Unreachable(`Nothing is stopped. The database cannot be used either: ${messageOf(error)}`)
  })
  if (!outcome.ok) throw new ApiRefusal(409, { detail: outcome.error.message, rule: outcome.error.rule })
  const { orderId, runs } = outcome.value
  cli.show(
    { orderId, runs, via: 'database' },
    () => `Stopped: ${said(order)}. Order ${orderId}, ${count(runs, 'run')} being stopped.`,
  )
}

async function confirm(cli: Cli, order: { scope: StopScope; targetId: string }): Promise<void> {
  const query = { scope: order.scope, targetId: order.targetId }
  const radius = await (await cli.client()).call(routes.control.blastRadius, { query }, { timeoutMs: orderTimeoutMs })
  cli.terminal.err(radiusText(radius))
  const answer = await cli.terminal.ask('Stop it? [y/N] ')
  if (!/^y(es)?$/i.test(answer.trim())) throw new Failed('Nothing is stopped.')
}

function radiusText({ targetName, agents, openRuns, schedules, stopsRuns }: BlastRadius): string {
  const reach = `${oneLine(targetName)}: reaches ${count(agents.total, 'agent')}`
  const runs = count(openRuns.total, 'open run')
  if (!stopsRuns) return `${reach}. Runs go on (${runs}), but its calls are refused.`
  return `${reach}, stops ${runs}, holds ${count(schedules.total, 'schedule')}.`
}

async function resume(cli: Cli, args: string[], reason: string): Promise<void> {
  const client = await cli.client()
  const [first = '', target] = args
  const id = isScope(first) ? await openOrderFor(cli, targetOf(first, target)) : first
  const released = await client.call(routes.control.releaseStop, { params: { id }, body: { reason } })
  cli.show(released, () =>
    released.state === 'waits'
      ? `Everything stays stopped until another person asks for the same, until ${minute(released.until)} UTC.`
      : `Order ${plain(released.orderId)} is released. Nothing restarts by itself.`,
  )
}

async function openOrderFor(cli: Cli, { scope, targetId }: { scope: StopScope; targetId: string }): Promise<string> {
  const found = (await openOrders(cli)).find((order) => order.scope === scope && order.targetId === targetId)
  if (!found) throw new Failed(`No order in force stops ${said({ scope, targetId })}.`)
  return found.id
}

async function openOrders(cli: Cli): Promise<StopOrderView[]> {
  const { items } = await (await cli.client()).call(routes.control.listStops, { query: { open: 'true', limit: 200 } })
  return items
}

const orderColumns: Column<StopOrderView>[] = [
  { title: 'ORDER', value: (order) => order.id },
  { title: 'STOPS', value: (order) => `${order.scope} ${order.targetId}`, widthMin: 14 },
  { title: 'BY', value: (order) => order.orderedBy.name, widthMin: 8 },
  { title: 'SINCE (UTC)', value: (order) => minute(order.orderedAt) },
  { title: 'RUNS', value: (order) => `${order.stoppedRuns} of ${order.stoppedRuns + order.openRuns}`, align: 'right' },
  { title: 'TASKS', value: ({ tasks }) => `${tasks.over} of ${tasks.over + tasks.open}`, align: 'right' },
  { title: 'REASON', value: (order) => order.reason, widthMin: 10 },
]

async function listOpen(cli: Cli): Promise<void> {
  const orders = await openOrders(cli)
  cli.show({ items: orders }, () => (orders.length === 0 ? 'Nothing is stopped.' : cli.table(orderColumns, orders)))
}

function targetOf(scope: string, target: string | undefined): { scope: StopScope; targetId: string } {
  if (!isScope(scope)) throw new UsageError(`${JSON.stringify(scope)} is none of: ${stopScopes.join(', ')}.`)
  if (scope !== 'organization' && !target) throw new UsageError(`Name the ${scope}: wheelhouse kill ${scope} <id>.`)
  if (scope === 'organization' && target) throw new UsageError('The organization is one: leave the name out.')
  return { scope, targetId: target ?? organizationTarget }
}

function isScope(text: string): text is StopScope {
  return (stopScopes as readonly string[]).includes(text)
}

function said({ scope, targetId }: { scope: StopScope; targetId?: string | undefined }): string {
  return scope === 'organization' ? 'the whole organization' : `${scope} ${plain(targetId ?? '')}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? oneLine(error.message) : String(error)
}
