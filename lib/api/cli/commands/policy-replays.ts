import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type {
  DifferenceSum,
  PolicyReplayReport,
  PolicyReplayView,
  ReplayedCall,
  ReplayedCalls,
} from '#lib/guardrails/schema/replays.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import { exitCodes, UsageError } from '../errors.ts'
import type { Column } from '../table.ts'
import { minute, oneLine, plain } from '../text.ts'
import { policySetNumber } from './policy-set-number.ts'
import { readPolicies } from './policy-texts.ts'

const lookMs = 500

type ReplayOptions = { file?: string; since: string; wait?: boolean; failIfBlocking?: boolean }
type CallsOptions = { permitted?: boolean; agent?: string; server?: string; tool?: string; rule?: string; limit?: string; cursor?: string } // prettier-ignore

/** The verbs of `policy-sets` about replays: what recorded calls would have been under a set. */
export function addPolicyReplayVerbs(sets: Command, setup: Setup): void {
  addVerb<ReplayOptions>(sets, setup, {
    name: 'replay [number]',
    says: `Decide recorded calls again, by a policy set or by files that are not saved, and say what would have been blocked.
With --fail-if-blocking it waits and ends with 1 when any call that was allowed would have been blocked.`,
    examples: [
      'wheelhouse policy-sets replay 3 --since 7d --wait',
      'wheelhouse policy-sets replay -f policies/ --since 24h --fail-if-blocking',
    ],
    options: (command) =>
      command
        .option('-f, --file <path>', 'a file, or a folder of .cedar files, instead of a set')
        .option('--since <range>', 'how far back: hours or days from 1h to 90d', '7d')
        .option('--wait', 'wait for the report')
        .option('--fail-if-blocking', 'wait, and fail when it would have blocked anything'),
    run: async (cli, { args: [number], options: { file, since, wait, failIfBlocking } }) => {
      const started = await start(cli, { number, file, since })
      if (!wait && !failIfBlocking) {
        return cli.show(
          started,
          () => `Replay ${started.replayId} is queued: wheelhouse policy-sets report ${started.replayId}`,
        )
      }
      const report = await waitFor(cli, started.replayId)
      cli.show(report, () => reportText(cli, report))
      if (report.state !== 'done') return exitCodes.failed
      return failIfBlocking && (report.figures?.blocked.calls ?? 0) > 0 ? exitCodes.failed : exitCodes.ok
    },
  })
  addVerb<{ wait?: boolean }>(sets, setup, {
    name: 'report <replay>',
    says: 'Show a replay: how far it is, and what the set would have decided otherwise, by agent, tool and policy.',
    options: (command) => command.option('--wait', 'wait until it has ended'),
    run: async (cli, { args: [id = ''], options: { wait } }) => {
      const report = wait
        ? await waitFor(cli, id)
        : await (await cli.client()).call(routes.policyReplays.show, { params: { id } })
      cli.show(report, () => reportText(cli, report))
    },
  })
  addVerb(sets, setup, {
    name: 'replays <number>',
    says: 'List the replays of a policy set, the newest first.',
    run: async (cli, { args: [number = ''] }) => {
      const params = { number: policySetNumber(number) }
      const list = await (await cli.client()).all(routes.policyReplays.list, { params })
      cli.show(list, () =>
        list.items.length === 0 ? 'It was not replayed yet.' : cli.table(replayColumns, list.items),
      )
    },
  })
  addVerb<CallsOptions>(sets, setup, {
    name: 'replayed-calls <replay>',
    says: 'List the recorded calls that the set would have blocked, the newest first. `wheelhouse explain <call>` explains one.',
    options: callsOptions,
    run: async (cli, { args: [id = ''], options }) => {
      const query = callsQuery(options)
      showCalls(cli, await (await cli.client()).call(routes.policyReplays.calls, { params: { id }, query }))
    },
  })
  addVerb<CallsOptions>(sets, setup, {
    name: 'log-only-calls <number>',
    says: 'List the live calls that the set would have blocked while it was log-only, the newest first. `wheelhouse explain <call>` explains one.',
    options: callsOptions,
    run: async (cli, { args: [number = ''], options }) => {
      const params = { number: policySetNumber(number) }
      const query = callsQuery(options)
      showCalls(cli, await (await cli.client()).call(routes.policySets.logOnlyCalls, { params, query }))
    },
  })
  addVerb(sets, setup, {
    name: 'cancel-replay <replay>',
    says: 'End a replay that has not ended.',
    run: async (cli, { args: [id = ''] }) => {
      await (await cli.client()).call(routes.policyReplays.cancel, { params: { id } })
      cli.show({ id, state: 'cancelled' }, () => 'It is cancelled.')
    },
  })
}

function callsOptions(command: Command): Command {
  return command
    .option('--permitted', 'those that were refused and that it would have allowed')
    .option('--agent <id>', 'only of this agent')
    .option('--server <id>', 'only of this server')
    .option('--tool <name>', 'only of this tool')
    .option('--rule <id>', 'only by this policy')
    .option('--limit <number>', 'so many at most', '100')
    .option('--cursor <cursor>', 'those before the page that ended with it')
}

function callsQuery({ permitted, agent, server, tool, rule, limit, cursor }: CallsOptions) {
  return { kind: permitted ? ('permitted' as const) : ('blocked' as const), agent, server, tool, rule, limit, cursor }
}

function showCalls(cli: Cli, list: ReplayedCalls): void {
  const more = list.nextCursor === null ? '' : `\n\nThere are more: --cursor ${list.nextCursor}`
  cli.show(list, () =>
    list.items.length === 0 ? 'There is no such call.' : `${cli.table(callColumns, list.items)}${more}`,
  )
}

async function start(
  cli: Cli,
  { number, file, since }: { number: string | undefined; file: string | undefined; since: string },
): Promise<{ replayId: string }> {
  if ((number === undefined) === (file === undefined))
    throw new UsageError('Name a policy set by its number, or files with --file.')
  const client = await cli.client()
  if (file !== undefined) {
    return await client.call(routes.policyReplays.startText, { body: { text: await readPolicies(file), since } })
  }
  const params = { number: policySetNumber(number ?? '') }
  return await client.call(routes.policyReplays.start, { params, body: { since } })
}

async function waitFor(cli: Cli, id: string): Promise<PolicyReplayReport> {
  const client = await cli.client()
  for (;;) {
    const report = await client.call(routes.policyReplays.show, { params: { id } })
    if (report.state !== 'queued' && report.state !== 'running') return report
    await sleep(lookMs)
  }
}

function reportText(cli: Cli, report: PolicyReplayReport): string {
  const { number } = report.set
  const what = number === null ? 'The files' : `Policy set ${number}`
  const head = `${what} over the calls from ${minute(report.from)} to ${minute(report.to)} UTC: ${stateText(report)}`
  const old = report.outdated ? 'The set has another text by now: replay it again.' : ''
  const against = report.against.map(({ number, version }) =>
    number === null ? `version ${version}` : `set ${number}`,
  )
  const decided = against.length > 0 ? `Decided then by ${against.join(', ')}.` : ''
  const tables = [
    report.byPolicy.length > 0 ? cli.table(policyColumns, report.byPolicy) : '',
    report.byAgent.length > 0 ? cli.table(agentColumns, report.byAgent) : '',
    report.byTool.length > 0 ? cli.table(toolColumns, report.byTool) : '',
  ]
  return [[head, old, ...report.says, decided].filter(Boolean).join('\n'), ...tables].filter(Boolean).join('\n\n')
}

function stateText({ state, progress, error }: PolicyReplayView): string {
  if (state === 'running') return `running, ${Math.floor(progress * 100)} % read`
  return error === null ? state : `${state}. ${plain(error)}`
}

const blocked = { title: 'BLOCKED', value: (sum: DifferenceSum) => sum.blocked.toLocaleString('en-US'), align: 'right' } as const // prettier-ignore
const permitted = { title: 'ALLOWED', value: (sum: DifferenceSum) => sum.permitted.toLocaleString('en-US'), align: 'right' } as const // prettier-ignore

const policyColumns: Column<PolicyReplayReport['byPolicy'][number]>[] = [
  { title: 'POLICY', value: ({ rule }) => rule },
  { title: 'SAYS', value: ({ title }) => oneLine(title), widthMin: 12, dispensable: 1 },
  blocked,
  permitted,
]
const agentColumns: Column<PolicyReplayReport['byAgent'][number]>[] = [
  { title: 'AGENT', value: ({ agentId }) => agentId },
  blocked,
  permitted,
]
const toolColumns: Column<PolicyReplayReport['byTool'][number]>[] = [
  { title: 'TOOL', value: ({ serverId, tool }) => `${serverId}/${plain(tool)}` },
  blocked,
  permitted,
]
const replayColumns: Column<PolicyReplayView>[] = [
  { title: 'REPLAY', value: ({ id }) => id },
  { title: 'FROM (UTC)', value: ({ from }) => minute(from) },
  { title: 'STATE', value: (replay) => (replay.outdated ? `${replay.state}, of an earlier text` : replay.state) },
  { title: 'REPORT', value: ({ says, error }) => oneLine(says[0] ?? error ?? ''), widthMin: 12 },
  { title: 'BY', value: ({ requestedBy }) => requestedBy, dispensable: 1 },
]
const callColumns: Column<ReplayedCall>[] = [
  { title: 'AT (UTC)', value: ({ at }) => minute(at) },
  { title: 'AGENT', value: ({ agentId }) => agentId },
  { title: 'TOOL', value: ({ serverId, tool }) => `${serverId}/${plain(tool)}` },
  { title: 'POLICY', value: ({ rule }) => rule },
  { title: 'CALL', value: ({ id }) => id },
]
