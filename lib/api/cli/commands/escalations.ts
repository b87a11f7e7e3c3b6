import type { Command } from 'commander'
import { type EscalationKind, escalationKinds, type EscalationView } from '#lib/harness/schema.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import { type Column, facts } from '../table.ts'
import { count, minute, oneLine, plain } from '../text.ts'
import { choice } from './choices.ts'
import { addShowVerb } from './show-one.ts'

/** What agents brought to people, and why something was refused. */
export function addEscalationsCommands(program: Command, setup: Setup): void {
  const escalations = program.command('escalations').alias('escalation').description('What agents brought to people.')
  addVerb<{ agent?: string; kind?: string; all?: boolean; limit: string }>(escalations, setup, {
    name: 'list',
    says: 'List what waits for a person, newest first.',
    options: (command) =>
      command
        .option('--agent <id>', 'of this agent')
        .addOption(choice('--kind <kind>', 'of this kind', escalationKinds))
        .option('--all', 'also what is dealt with')
        .option('--limit <rows>', 'how many at most', '50'),
    run: async (cli, { options: { agent, kind, all, limit } }) => {
      const query = { agent, kind: kind as EscalationKind | undefined, limit, ...(all ? {} : { open: 'true' }) }
      const list = await (await cli.client()).call(routes.escalations.list, { query })
      cli.show(list, () =>
        list.items.length === 0
          ? 'Nothing waits.'
          : `${cli.table(columns, list.items)}\n\n${cli.terminal.style('dim', count(list.total, 'escalation'))}`,
      )
    },
  })
  addShowVerb(escalations, setup, {
    name: 'show <escalation>',
    says: 'Show one escalation.',
    endpoint: routes.escalations.show,
    request: (id) => ({ params: { id } }),
    columns: columns,
  })
  addVerb(escalations, setup, {
    name: 'resolve <escalation>',
    says: 'Say that an escalation is dealt with.',
    run: async (cli, { args: [id = ''] }) => {
      const done = await (await cli.client()).call(routes.escalations.resolve, { params: { id } })
      cli.show(done, () => (done.resolved ? 'It is dealt with.' : 'It was dealt with before.'))
    },
  })
  addVerb(program, setup, {
    name: 'rule <id>',
    says: 'Say what a rule that refused means, who set it, and who can change it.',
    examples: ['wheelhouse rule grant_missing'],
    run: async (cli, { args: [id = ''] }) => {
      const rule = await (await cli.client()).call(routes.control.explainRule, { params: { id } })
      cli.show(rule, () =>
        facts([
          ['Rule', `${plain(rule.id)}: ${rule.title}`],
          ['Means', rule.explanation],
          ['What to do', rule.remedy],
          ['Set by', rule.setBy],
          ['Who can change it', `${rule.changedBy.roles.join(', ')} ${rule.changedBy.how}`.trim()],
        ]),
      )
    },
  })
  const teams = program.command('teams').alias('team').description('Teams and who leads them.')
  addVerb(teams, setup, {
    name: 'list',
    says: 'List every team by name.',
    run: async (cli) => {
      const list = await (await cli.client()).all(routes.account.listTeams, {})
      cli.show(list, () =>
        cli.table(
          [
            { title: 'ID', value: (team) => team.id },
            { title: 'NAME', value: (team) => team.name, widthMin: 10 },
            { title: 'MEMBERS', value: (team) => String(team.members), align: 'right' },
            { title: 'AGENTS', value: (team) => String(team.agents), align: 'right' },
            { title: 'LEADS', value: (team) => team.leads.map(({ name }) => name).join(', '), widthMin: 8 },
          ],
          list.items,
        ),
      )
    },
  })
}

const columns: Column<EscalationView>[] = [
  { title: 'ID', value: (row) => row.id },
  { title: 'SINCE', value: (row) => minute(row.createdAt) },
  { title: 'AGENT', value: (row) => row.agentId, widthMin: 8 },
  { title: 'KIND', value: (row) => row.kind, dispensable: 1 },
  { title: 'TITLE', value: (row) => oneLine(row.title), widthMin: 12 },
]
