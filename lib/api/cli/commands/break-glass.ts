import type { Command } from 'commander'
import { toolClasses } from '#lib/registry/schema.ts'
import type { BreakGlassView } from '#lib/scopes/schema/break-glass.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import type { Column } from '../table.ts'
import { minute, oneLine } from '../text.ts'
import { addShowVerb } from './show-one.ts'

/** The verbs of emergencies: take, list, review. */
export function addBreakGlassCommands(program: Command, setup: Setup): void {
  const glass = program.command('break-glass').description('Scopes taken in an emergency, for four hours at most.')
  addVerb<{ tool?: string; minutes: string; reason: string; incident?: string }>(glass, setup, {
    name: 'take <agent> <server> <class>',
    says: `Give an agent a scope at once. Everybody sees it, security is told, and somebody else reviews it.
A class covers those below it: ${toolClasses.join(' < ')}.`,
    examples: [
      'wheelhouse break-glass take invoice-reconciler-7 erp write --tool post_adjustment --minutes 30 --reason "Today’s invoices are posted twice and must be reversed."',
    ],
    options: (command) =>
      command
        .requiredOption('--reason <text>', 'what is on fire')
        .option('--tool <name>', 'only this tool')
        .option('--minutes <number>', 'for so long, at most 240', '60')
        .option('--incident <text>', 'the incident it belongs to'),
    run: async (cli, { args: [id = '', serverId = '', toolClass = ''], options }) => {
      const found = toolClasses.find((each) => each === toolClass)
      if (!found) throw new UsageError(`${toolClass} is no class; there are ${toolClasses.join(', ')}.`)
      const { tool = null, minutes, reason, incident } = options
      const body = {
        serverId,
        class: found,
        toolName: tool,
        minutes: Number(minutes),
        reason,
        ...(incident === undefined ? {} : { incident }),
      }
      const taken = await (await cli.client()).call(routes.breakGlass.take, { params: { id }, body })
      cli.show(
        taken,
        () => `In force until ${minute(taken.expiresAt)} UTC. Grant ${taken.grantId}; its review is open.`,
      )
    },
  })
  addVerb<{ all?: boolean }>(glass, setup, {
    name: 'list',
    says: 'List break-glass grants that are in force or wait for their review.',
    options: (command) => command.option('--all', 'also those that are reviewed'),
    run: async (cli, { options }) => {
      const query = { state: options.all ? ('all' as const) : ('open' as const) }
      const list = await (await cli.client()).all(routes.breakGlass.list, { query })
      cli.show(list, () => (list.items.length === 0 ? 'No glass is broken.' : cli.table(columns, list.items)))
    },
  })
  addShowVerb(glass, setup, {
    name: 'show <grant>',
    says: 'Show one break-glass grant with its review.',
    endpoint: routes.breakGlass.show,
    request: (id) => ({ params: { id } }),
    columns: columns,
  })
  addVerb<{ note: string; unjustified?: boolean }>(glass, setup, {
    name: 'review <grant>',
    says: 'Say that breaking the glass was justified, or with --unjustified that it was not.',
    options: (command) =>
      command.requiredOption('--note <text>', 'how you came to it').option('--unjustified', 'it was not justified'),
    run: async (cli, { args: [id = ''], options: { note, unjustified } }) => {
      const verdict = unjustified ? ('not_justified' as const) : ('justified' as const)
      await (await cli.client()).call(routes.breakGlass.review, { params: { id }, body: { verdict, note } })
      cli.show({ id, verdict }, () => `Reviewed: ${verdict.replace('_', ' ')}.`)
    },
  })
}

const columns: Column<BreakGlassView>[] = [
  { title: 'AGENT', value: ({ agent }) => agent.id },
  { title: 'SCOPE', value: ({ server, class: toolClass, toolName }) => `${server.id}:${toolName ?? toolClass}` },
  { title: 'BY', value: ({ openedBy }) => openedBy.name, widthMin: 8 },
  { title: 'UNTIL (UTC)', value: ({ revokedAt, expiresAt }) => minute(revokedAt ?? expiresAt) },
  { title: 'STATE', value: ({ inForce }) => (inForce ? 'in force' : 'ended') },
  { title: 'CALLS', value: ({ calls }) => String(calls), align: 'right', dispensable: 2 },
  {
    title: 'REVIEW',
    value: ({ review, overdue }) => review?.verdict.replace('_', ' ') ?? (overdue ? 'overdue' : 'waits'),
  },
  { title: 'DUE (UTC)', value: ({ review, dueAt }) => (review || !dueAt ? '' : minute(dueAt)), dispensable: 2 },
  { title: 'REASON', value: ({ reason }) => oneLine(reason), widthMin: 12, dispensable: 1 },
  { title: 'GRANT', value: ({ grantId }) => grantId, dispensable: 3 },
]
