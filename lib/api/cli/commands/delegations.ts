import type { Command } from 'commander'
import type { DelegationView } from '#lib/delegation/schema.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import type { Column } from '../table.ts'
import { minute, oneLine, plain } from '../text.ts'
import { addShowVerb } from './show-one.ts'

/** The verbs of who stands in for whom. */
export function addDelegationsCommands(program: Command, setup: Setup): void {
  const delegations = program.command('delegations').description('Who is asked in whose place while they are away.')
  addVerb<{ all?: boolean }>(delegations, setup, {
    name: 'list',
    says: 'List who stands in for you, and for whom you stand in.',
    options: (command) => command.option('--all', 'also those that have ended'),
    run: async (cli, { options: { all } }) => {
      const query = { state: all ? ('all' as const) : ('open' as const) }
      const list = await (await cli.client()).all(routes.delegations.list, { query })
      cli.show(list, () => (list.items.length === 0 ? 'Nobody stands in.' : cli.table(columns, list.items)))
    },
  })
  addVerb(delegations, setup, {
    name: 'possible',
    says: 'List who could stand in for you.',
    run: async (cli) => {
      const list = await (await cli.client()).all(routes.delegations.possible, {})
      cli.show(list, () => (list.items.length === 0 ? 'Nobody could.' : cli.table(possibleColumns, list.items)))
    },
  })
  addVerb<{ from?: string; until: string; reason: string }>(delegations, setup, {
    name: 'create <person>',
    says: 'Name who is asked in your place, by id; it ends by itself.',
    examples: ['wheelhouse delegations create <person> --until 2026-12-04T18:00Z --reason "On leave."'],
    options: (command) =>
      command
        .requiredOption('--until <time>', 'when it ends (ISO 8601)')
        .requiredOption('--reason <text>', 'why; who stands in reads it')
        .option('--from <time>', 'when it begins; otherwise now'),
    run: async (cli, { args: [delegateId = ''], options: { from, until, reason } }) => {
      const body = {
        delegateId,
        endsAt: instant(until),
        reason,
        ...(from === undefined ? {} : { startsAt: instant(from) }),
      }
      const made = await (await cli.client()).call(routes.delegations.create, { body })
      cli.show(made, () => `Delegation ${made.delegationId} ends on ${minute(body.endsAt)} UTC.`)
    },
  })
  addShowVerb(delegations, setup, {
    name: 'show <id>',
    says: 'Show one delegation.',
    endpoint: routes.delegations.show,
    request: (id) => ({ params: { id } }),
    columns: columns,
  })
  addVerb(delegations, setup, {
    name: 'revoke <id>',
    says: 'End a delegation at once.',
    run: async (cli, { args: [id = ''] }) => {
      const done = await (await cli.client()).call(routes.delegations.revoke, { params: { id } })
      cli.show(done, () => `Delegation ${plain(id)} ${done.revoked ? 'is ended' : 'had ended already'}.`)
    },
  })
}

/** What is no time is sent as it is: the API says what is wrong with it. */
function instant(given: string): string {
  const at = new Date(given)
  return Number.isNaN(at.getTime()) ? given : at.toISOString()
}

const columns: Column<DelegationView>[] = [
  { title: 'AWAY', value: ({ person }) => oneLine(person.name), widthMin: 10 },
  { title: 'STANDS IN', value: ({ delegate }) => oneLine(delegate.name), widthMin: 10 },
  { title: 'STATE', value: ({ state }) => state.replace('_', ' ') },
  { title: 'FROM (UTC)', value: ({ startsAt }) => minute(startsAt), dispensable: 1 },
  { title: 'UNTIL (UTC)', value: ({ endsAt }) => minute(endsAt) },
  { title: 'ID', value: ({ id }) => id },
]

const possibleColumns: Column<{ id: string; name: string }>[] = [
  { title: 'NAME', value: ({ name }) => oneLine(name), widthMin: 10 },
  { title: 'ID', value: ({ id }) => id },
]
