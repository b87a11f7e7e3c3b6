import type { Command } from 'commander'
import type { OrphanView } from '#lib/lifecycle/schema.ts'
import type { PersonRow } from '#lib/registry/schema.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import type { Column } from '../table.ts'
import { count, minute, plain } from '../text.ts'
import { personWith } from './people.ts'

/** People who leave and come back. */
export function addPeopleCommands(program: Command, setup: Setup): void {
  const people = program.command('people').alias('person').description('People: who can sign in.')
  addVerb<{ search?: string }>(people, setup, {
    name: 'list',
    says: 'List people by name, with their roles and teams.',
    options: (command) => command.option('--search <text>', 'a part of the name or address'),
    run: async (cli, { options: { search } }) => {
      const list = await (await cli.client()).call(routes.account.listPeople, { query: { search } })
      cli.show(list, () => (list.items.length === 0 ? 'Nobody matches.' : cli.table(personColumns, list.items)))
    },
  })
  addVerb(people, setup, {
    name: 'show <person>',
    says: 'Show one person.\nThe person is an e-mail address or a name.',
    run: async (cli, { args: [who = ''] }) => {
      const client = await cli.client()
      const id = await personWith(client, who, 'anybody')
      const person = await client.call(routes.people.show, { params: { id } })
      cli.show(person, () => cli.table(personColumns, [person]))
    },
  })
  for (const [name, said, says] of [
    [
      'deactivate',
      'is deactivated',
      'Somebody has left: sign them out everywhere, end their tokens; their agents are orphaned from now on.',
    ],
    ['reactivate', 'can sign in again', 'Let somebody sign in again.'],
  ] as const) {
    addVerb<{ reason: string }>(people, setup, {
      name: `${name} <person>`,
      says: `${says}\nThe person is an e-mail address or a name.`,
      options: (command) => command.requiredOption('--reason <text>', 'why; the audit log keeps it'),
      run: async (cli, { args: [who = ''], options: { reason } }) => {
        const client = await cli.client()
        const id = await personWith(client, who, 'anybody')
        await client.call(routes.people[name], { params: { id }, body: { reason } })
        cli.show({ id, [name]: true }, () => `${plain(who)} ${said}.`)
      },
    })
  }
}

/** Agents nobody answers for, and who does from now on. */
export function addOwnershipVerbs(agents: Command, setup: Setup): void {
  addVerb<{ mine?: boolean }>(agents, setup, {
    name: 'orphaned',
    says: 'List the agents nobody who can sign in answers for, with the end of their grace; those that still run come first.',
    options: (command) => command.option('--mine', 'only those of teams you may act for'),
    run: async (cli, { options: { mine = false } }) => {
      const list = await (await cli.client()).all(routes.people.listOrphans, { query: { mine: String(mine) } })
      cli.show(list, () =>
        list.items.length === 0
          ? 'Somebody answers for every agent.'
          : `${cli.table(orphanColumns, list.items)}\n\n${count(list.items.length, 'agent')}`,
      )
    },
  })
  addVerb<{ person: string; reason?: string }>(agents, setup, {
    name: 'take-over <id>',
    says: 'Name who answers for an orphaned agent from now on; a suspension for that ends.',
    examples: ['wheelhouse agents take-over invoice-reconciler-7 --person ada@example.com'],
    options: (command) =>
      command
        .requiredOption('--person <person>', 'an e-mail address or a name')
        .option('--reason <text>', 'a word for the audit log'),
    run: async (cli, { args: [id = ''], options: { person, reason } }) => {
      const client = await cli.client()
      const body = { accountablePersonId: await personWith(client, person), ...(reason ? { reason } : {}) }
      const done = await client.call(routes.people.takeOver, { params: { id }, body })
      const resumed = done.resumed ? ' It is active again.' : ''
      cli.show({ id, ...done }, () => `${plain(person)} answers for ${plain(id)} now.${resumed}`)
    },
  })
}

const personColumns: Column<PersonRow>[] = [
  { title: 'NAME', value: (person) => person.name, widthMin: 12 },
  { title: 'ADDRESS', value: (person) => person.email, widthMin: 12 },
  { title: 'STATE', value: (person) => (person.active ? 'active' : 'deactivated') },
  { title: 'ROLES', value: (person) => person.roles.join(' '), dispensable: 2 },
  { title: 'TEAMS', value: (person) => person.teamIds.join(' '), dispensable: 3 },
  { title: 'ID', value: (person) => person.id, dispensable: 1 },
]

const orphanColumns: Column<OrphanView>[] = [
  { title: 'AGENT', value: ({ agent }) => agent.id },
  { title: 'TIER', value: ({ agent }) => agent.tier },
  { title: 'OWNER', value: ({ owner }) => owner.id },
  { title: 'LEFT', value: ({ person }) => person.name, widthMin: 8, dispensable: 1 },
  { title: 'SINCE (UTC)', value: ({ since }) => minute(since), dispensable: 2 },
  {
    title: 'SUSPENDED (UTC)',
    value: ({ suspendAt, suspendedAt }) =>
      suspendedAt ? `since ${minute(suspendedAt)}` : suspendAt ? `on ${minute(suspendAt)}` : 'soon',
  },
]
