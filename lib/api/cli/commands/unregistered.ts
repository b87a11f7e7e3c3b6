import type { Command } from 'commander'
import {
  type UnregisteredRow,
  unregisteredSources,
  unregisteredStates,
  type UnregisteredView,
} from '#lib/registry/schema/unregistered.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import { ApiRefusal, exitCodes } from '../errors.ts'
import type { Column } from '../table.ts'
import { textFrom } from '../text-file.ts'
import { count, minute, oneLine, plain } from '../text.ts'
import { choice } from './choices.ts'

type ListOptions = { state: UnregisteredRow['state']; source?: UnregisteredRow['source']; limit: string }

export function addUnregisteredCommands(program: Command, setup: Setup): void {
  const unregistered = program
    .command('unregistered')
    .description('Agents and callers that were found and are not registered.')
  addVerb<ListOptions>(unregistered, setup, {
    name: 'list',
    says: `List what was found and is not registered, last seen first.
Sources: agents at Claude, callers the broker refused, whom a trusted issuer vouches for, imports. A ? marks what a caller only claims.
Register one with: wheelhouse agents create <id> --adopt <finding> …`,
    options: (command) =>
      command
        .addOption(choice('--state <state>', 'what became of them', unregisteredStates).default('open'))
        .addOption(choice('--source <source>', 'where they were seen', unregisteredSources))
        .option('--limit <rows>', 'how many at most', '50'),
    run: async (cli, { options }) => {
      const query = {
        state: options.state,
        limit: options.limit,
        ...(options.source ? { source: options.source } : {}),
      }
      const list = await (await cli.client()).call(routes.unregistered.list, { query })
      cli.show(list, () =>
        list.items.length === 0
          ? 'Nothing was found.'
          : `${cli.table(columns, list.items)}\n\n${cli.terminal.style('dim', count(list.total, 'finding'))}`,
      )
    },
  })
  addVerb(unregistered, setup, {
    name: 'show <finding>',
    says: 'Show a finding; of an agent at Claude also its prompt, model, tools, MCP servers and skills.',
    run: async (cli, { args: [id = ''] }) => {
      const found = await (await cli.client()).call(routes.unregistered.show, { params: { id } })
      cli.show(found, () => foundText(found))
    },
  })
  addVerb<{ reason: string }>(unregistered, setup, {
    name: 'dismiss <finding>',
    says: 'Say that a finding is nothing to register, and why. It comes back when it acts again.',
    options: (command) => command.requiredOption('--reason <text>', 'why; whoever sees it next reads it'),
    run: async (cli, { args: [id = ''], options: { reason } }) => {
      await (await cli.client()).call(routes.unregistered.dismiss, { params: { id }, body: { reason } })
      cli.show({ id, state: 'dismissed' }, () => `${plain(id)} is dismissed.`)
    },
  })
  addVerb<{ file: string }>(unregistered, setup, {
    name: 'import',
    says: `Take findings from elsewhere, such as an inventory or a scan.
CSV with a header, or a JSON array of objects: key, and if known name, claude_agent_id, owner, note, seen_at. All of the file is taken or, with
any problem, nothing of it; problems come with their line.`,
    examples: ['wheelhouse unregistered import -f findings.csv'],
    options: (command) =>
      command.requiredOption('-f, --file <file>', 'a .csv or .json file; - is CSV from standard input'),
    run: importVerb,
  })
}

async function importVerb(cli: Cli, { options: { file } }: { options: { file: string } }): Promise<number> {
  const body = await textFrom(cli.terminal, file)
  const format = /\.json$/i.test(file) ? ('json' as const) : ('csv' as const)
  try {
    const outcome = await (await cli.client()).call(routes.unregistered.importMany, { query: { format }, body })
    cli.show(
      outcome,
      () => `${count(outcome.rows, 'finding')}: ${outcome.added} new, ${outcome.seenAgain} seen before.`,
    )
    return exitCodes.ok
  } catch (error) {
    if (!(error instanceof ApiRefusal) || !error.problem.problems) throw error
    for (const { line, message } of error.problem.problems)
      cli.terminal.err(`${file}:${line ?? 1}: ${oneLine(message)}`)
    cli.terminal.err(`Nothing of ${file} was taken.`)
    return exitCodes.failed
  }
}

function foundText({ name, source, key, state, lastSeenAt, definition }: UnregisteredView): string {
  const list = (items: readonly string[]) => items.map(plain).join(', ') || 'none'
  const lines = [`${plain(name)}: ${source} ${plain(key)}, ${state}, last seen ${minute(lastSeenAt)}`]
  if (!definition) return lines.join('\n')
  const { model, tools, mcpServers, skills, system } = definition
  lines.push(`Model: ${plain(model)}`, `Tools: ${list(tools)}`)
  lines.push(`MCP servers: ${list(mcpServers.map((server) => `${server.name} (${server.url})`))}`)
  lines.push(`Skills: ${list(skills)}`, '', ...system.split('\n').map(plain))
  return lines.join('\n')
}

const columns: Column<UnregisteredRow>[] = [
  { title: 'ID', value: (row) => row.id },
  { title: 'NAME', value: (row) => `${plain(row.name)}${row.verified ? '' : ' ?'}`, widthMin: 8 },
  { title: 'SOURCE', value: (row) => row.source },
  { title: 'KEY', value: (row) => plain(row.key), widthMin: 10, dispensable: 2 },
  { title: 'SEEN', value: (row) => String(row.count) },
  { title: 'LAST', value: (row) => minute(row.lastSeenAt) },
  { title: 'FIRST', value: (row) => minute(row.firstSeenAt), dispensable: 1 },
  { title: 'REASON', value: (row) => plain(row.reason ?? ''), dispensable: 3 },
]
