import type { Command } from 'commander'
import { z } from 'zod'
import { type RunEventView, type RunListQuery, runStates, runTriggers, type RunView } from '#lib/harness/schema.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import { ApiRefusal, exitCodes, Failed } from '../errors.ts'
import { follow } from '../event-stream.ts'
import { count, plain } from '../text.ts'
import { choice } from './choices.ts'
import { describeRun, endLine, eventLine, runColumns } from './run-text.ts'

type ListOptions = { agent?: string; state?: string; open?: boolean; trigger?: string; limit: string }

export function addRunsCommands(program: Command, setup: Setup): void {
  const runs = program.command('runs').alias('run').description('Runs of agents: start, watch, stop.')
  addVerb<{ input?: string; follow?: boolean }>(runs, setup, {
    name: 'start <agent>',
    says: `Start a run of an agent's current version.
The launch gate may refuse it: the answer then names the rule. With --follow the exit code is that of the run.`,
    examples: ['wheelhouse runs start invoice-reconciler-7 --follow'],
    options: (command) =>
      command
        .option('--input <text>', 'the first message, instead of the template’s')
        .option('--follow', 'follow its log until it ends'),
    run: async (cli, { args: [agentId = ''], options }) => {
      const client = await cli.client()
      const body = { agentId, ...(options.input ? { input: options.input } : {}) }
      const { runId } = await client.call(routes.runs.start, { body })
      if (options.follow) return await tail(cli, runId)
      cli.show({ runId }, () => runId)
      if (!cli.json) cli.terminal.err(`Follow it with: wheelhouse runs tail ${runId}`)
    },
  })
  addVerb(runs, setup, {
    name: 'show <run>',
    says: 'Show a run with its figures, escalations and summary.',
    run: async (cli, { args: [id = ''] }) => {
      const run = await (await cli.client()).call(routes.runs.show, { params: { id } })
      cli.show(run, () => describeRun(run, cli))
    },
  })
  addVerb<ListOptions>(runs, setup, {
    name: 'list',
    says: 'List runs, newest first.',
    options: (command) =>
      command
        .option('--agent <id>', 'of this agent')
        .addOption(choice('--state <state>', 'in this state', runStates))
        .option('--open', 'only those that have not ended')
        .addOption(choice('--trigger <trigger>', 'started this way', runTriggers))
        .option('--limit <rows>', 'how many at most', '20'),
    run: list,
  })
  addVerb(runs, setup, {
    name: 'tail <run>',
    says: `Follow the log of a run until it ends.
A lost connection is opened again, from where it broke. The exit code is 0 when the run succeeded and 1 otherwise. With --json each
event is a line of its own.`,
    run: (cli, { args: [id = ''] }) => tail(cli, id),
  })
  addVerb<{ reason: string }>(runs, setup, {
    name: 'stop <run>',
    says: 'Stop one run: its token is refused at once, its session is interrupted.',
    options: (command) => command.requiredOption('--reason <text>', 'why; the audit log keeps it'),
    run: async (cli, { args: [id = ''], options: { reason } }) => {
      const stopped = await (await cli.client()).call(routes.runs.stop, { params: { id }, body: { reason } })
      cli.show(stopped, () => `Run ${plain(id)} is being stopped.`)
    },
  })
}

async function list(cli: Cli, { options }: { options: ListOptions }): Promise<void> {
  const { agent, state, trigger, limit } = options
  const query = {
    agent,
    state: state as RunListQuery['state'],
    trigger: trigger as RunListQuery['trigger'],
    ...(options.open ? { open: 'true' } : {}),
    limit,
  }
  const page = await (await cli.client()).call(routes.runs.list, { query })
  cli.show(page, () => {
    if (page.items.length === 0) return 'There is no such run.'
    const shown = page.items.length < page.total ? `${page.items.length} of ` : ''
    return `${cli.table(runColumns, page.items)}\n\n${cli.terminal.style('dim', shown + count(page.total, 'run'))}`
  })
}

const refusal = z.looseObject({ message: z.string() })

async function tail(cli: Cli, id: string): Promise<number> {
  const client = await cli.client()
  let run: RunView | null = null
  let lost = false
  const events = follow(
    client,
    routes.runs.stream,
    { params: { id } },
    {
      onLost: ({ message }) => {
        if (!lost) cli.terminal.err(`${message} Trying again…`)
        lost = true
      },
    },
  )
  for await (const { event, data } of events) {
    lost = false
    if (cli.json && event !== 'end') cli.terminal.out(JSON.stringify({ event, data }))
    if (event === 'run') run = data as RunView
    if (event === 'error') throw new Failed(refusal.safeParse(data).data?.message ?? 'The server ended the stream.')
    if (event === 'log' && !cli.json) printEvent(cli, data as RunEventView)
    if (event === 'end') break
  }
  if (run === null) throw new ApiRefusal(404, { detail: 'The stream ended without a run.' })
  if (!cli.json) cli.terminal.out(endLine(run))
  return run.state === 'succeeded' ? exitCodes.ok : exitCodes.failed
}

function printEvent(cli: Cli, event: RunEventView): void {
  const line = eventLine(event, cli)
  if (line !== null) cli.terminal.out(line)
}
