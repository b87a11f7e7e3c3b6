import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { auditOutcomes, type AuditQuery, type AuditView } from '#lib/audit/schema.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Cli, type Setup } from '../cli.ts'
import { Unreachable } from '../errors.ts'
import { oneLine } from '../text.ts'
import { choice } from './choices.ts'

type Filter = {
  agent?: string
  actor?: string
  event?: string
  server?: string
  tool?: string
  run?: string
  decision?: 'allow' | 'deny' | 'hold'
  rule?: string
  outcome?: NonNullable<AuditQuery['outcome']>
}
type Options = Filter & { follow?: boolean; limit: string }

const pollMs = 1000
const batch = 500
const patienceMs = 60_000

export function addAuditCommands(program: Command, setup: Setup): void {
  const audit = program.command('audit').description('The audit log: who did what to whom, in order, unedited.')
  addVerb<Options>(audit, setup, {
    name: 'tail',
    says: `Show the newest events, oldest of them first; with --follow go on as they happen.
With --json each event is a line of its own.`,
    examples: [
      'wheelhouse audit tail --agent invoice-reconciler-7 --decision deny',
      'wheelhouse audit tail --follow --json',
    ],
    options: (command) =>
      command
        .option('-f, --follow', 'go on until you stop it')
        .option('-n, --limit <events>', 'how many at first', '20')
        .option('--agent <id>', 'about this agent')
        .option('--actor <name>', 'by this person or process; an id or part of a name')
        .option('--event <name>', 'of this name, such as grant.created')
        .option('--server <id>', 'about this MCP server')
        .option('--tool <name>', 'about this tool')
        .option('--run <id>', 'of this run')
        .option('--rule <id>', 'refused or held by this rule')
        .addOption(choice('--decision <decision>', 'decided so', ['allow', 'deny', 'hold']))
        .addOption(choice('--outcome <outcome>', 'calls that ended so; error: of their tool or server', auditOutcomes)),
    run: (cli, { options }) => tail(cli, options),
  })
}

async function tail(cli: Cli, options: Options): Promise<void> {
  const client = await cli.client()
  const { follow, limit, agent, actor, event, server, tool, run, decision, rule, outcome } = options
  const filter = { agent, actor, event, server, tool, run, decision, rule, outcome }
  const read = async (query: { after?: string; limit: number | string }) =>
    (await client.call(routes.control.listAudit, { query: { ...filter, ...query } })).items

  const newest = (await read({ limit })).toReversed()
  for (const row of newest) print(cli, row)
  if (!follow) return
  // Without an event that matches, following begins at the newest of all.
  let after = newest.at(-1)?.seq ?? (await newestSeq())
  let heardAt = Date.now()
  for (;;) {
    await sleep(pollMs)
    try {
      const rows = await read({ after, limit: batch })
      heardAt = Date.now()
      for (const row of rows) print(cli, row)
      after = rows.at(-1)?.seq ?? after
    } catch (error) {
      if (!(error instanceof Unreachable) || Date.now() - heardAt > patienceMs) throw error
    }
  }

  async function newestSeq(): Promise<string> {
    const { items } = await client.call(routes.control.listAudit, { query: { limit: 1 } })
    return items[0]?.seq ?? '0'
  }
}

function print(cli: Cli, row: AuditView): void {
  if (cli.json) return cli.terminal.out(JSON.stringify(row))
  const { style } = cli.terminal
  const parts = [
    style('dim', `${row.seq} ${row.at.slice(0, 19).replace('T', ' ')}`),
    style('bold', row.event),
    `${oneLine(row.actor.name)} → ${oneLine(row.subject.name)}`,
    row.decision === 'deny' ? style('red', `denied by ${row.rule ?? 'a rule'}`) : (row.rule ?? ''),
    style('dim', detailText(row)),
  ]
  cli.terminal.out(parts.filter(Boolean).join('  '))
}

/** `server=erp class=write`: what is short enough to read in passing; digests are for programs. */
function detailText({ serverId, tool, detail }: AuditView): string {
  const facts: Record<string, unknown> = {
    ...(serverId ? { server: serverId } : {}),
    ...(tool ? { tool } : {}),
    ...detail,
  }
  return Object.entries(facts)
    .filter(([key]) => !/(?:Digest|Hash)$/.test(key))
    .flatMap(([key, value]) => {
      const text = typeof value === 'string' || typeof value === 'number' ? oneLine(String(value)) : null
      return text === null ? [] : [`${key}=${text.slice(0, 80)}`]
    })
    .join(' ')
}
