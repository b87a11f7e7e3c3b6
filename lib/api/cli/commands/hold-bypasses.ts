import type { Command } from 'commander'
import {
  bypassCallsText,
  bypassMinutesDefault,
  bypassMinutesMax,
  type HoldBypassView,
} from '#lib/guardrails/schema/hold-bypasses.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import type { Column } from '../table.ts'
import { minute, oneLine, plain } from '../text.ts'
import { addShowVerb } from './show-one.ts'

/** The verbs of bypasses: open, list, end. */
export function addBypassVerbs(approvals: Command, setup: Setup): void {
  addVerb<{ reason: string; minutes: string; agent?: string }>(approvals, setup, {
    name: 'bypass <rule>',
    says: `Let calls through that a rule would hold, for a while. Everybody sees it, each call is recorded as such, and calls of agents of
your own teams still wait, as do destructive ones on production.`,
    examples: [
      'wheelhouse approvals bypass <rule> --minutes 30 --reason "Everybody who decides is at the data centre."',
    ],
    options: (command) =>
      command
        .requiredOption('--reason <text>', 'what is so urgent')
        .option('--minutes <number>', `for so long, at most ${bypassMinutesMax}`, String(bypassMinutesDefault))
        .option('--agent <id>', 'only calls of this agent'),
    run: async (cli, { args: [id = ''], options: { reason, minutes, agent = null } }) => {
      const body = { reason, minutes: Number(minutes), agentId: agent }
      const opened = await (await cli.client()).call(routes.approvals.openBypass, { params: { id }, body })
      cli.show(opened, () => `Bypassed until ${minute(opened.expiresAt)} UTC. Bypass ${opened.bypassId}.`)
    },
  })
  addVerb<{ all?: boolean }>(approvals, setup, {
    name: 'bypasses',
    says: 'List bypasses of rules that are in force, with how many calls they let through.',
    options: (command) => command.option('--all', 'also those that have ended'),
    run: async (cli, { options }) => {
      const query = { state: options.all ? ('all' as const) : ('in_force' as const) }
      const list = await (await cli.client()).all(routes.approvals.listBypasses, { query })
      cli.show(list, () => (list.items.length === 0 ? 'No rule is bypassed.' : cli.table(columns, list.items)))
    },
  })
  addShowVerb(approvals, setup, {
    name: 'show-bypass <bypass>',
    says: 'Show one bypass.',
    endpoint: routes.approvals.showBypass,
    request: (id) => ({ params: { id } }),
    columns: columns,
  })
  addVerb(approvals, setup, {
    name: 'end-bypass <bypass>',
    says: 'End a bypass: its rule holds calls again.',
    run: async (cli, { args: [id = ''] }) => {
      const done = await (await cli.client()).call(routes.approvals.endBypass, { params: { id } })
      cli.show(done, () => `Bypass ${plain(id)} ${done.ended ? 'is ended' : 'had ended already'}.`)
    },
  })
}

const columns: Column<HoldBypassView>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'RULE', value: ({ rule }) => oneLine(rule.title), widthMin: 12 },
  { title: 'AGENT', value: ({ agent }) => agent?.id ?? 'every' },
  { title: 'BY', value: ({ openedBy }) => oneLine(openedBy.name), dispensable: 2 },
  { title: 'UNTIL (UTC)', value: ({ expiresAt, endedAt }) => minute(endedAt ?? expiresAt) },
  { title: 'CALLS', value: ({ calls }) => bypassCallsText(calls), align: 'right', dispensable: 1 },
  { title: 'REASON', value: ({ reason }) => oneLine(reason), widthMin: 10, dispensable: 3 },
]
