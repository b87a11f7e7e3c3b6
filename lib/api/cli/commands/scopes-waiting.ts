import type { Command } from 'commander'
import type { WaitingRequest } from '#lib/scopes/schema/waiting.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import type { Column } from '../table.ts'
import { minute, oneLine } from '../text.ts'
import { requestScopeText } from './agent-table.ts'

export function addWaitingVerb(scopes: Command, setup: Setup): void {
  addVerb(scopes, setup, {
    name: 'waiting',
    says: 'List the requests that wait for you, also those passed on to you, and for whom you stand in.',
    run: async (cli) => {
      const list = await (await cli.client()).call(routes.scopes.waiting, {})
      cli.show(list, () => (list.items.length === 0 ? 'Nothing waits for you.' : cli.table(columns, list.items)))
    },
  })
}

const columns: Column<WaitingRequest>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'AGENT', value: ({ agent }) => agent.id },
  { title: 'SCOPE', value: requestScopeText, widthMin: 12 },
  { title: 'ASKED BY', value: ({ requestedBy }) => oneLine(requestedBy.name), widthMin: 8, dispensable: 2 },
  { title: 'DUE (UTC)', value: ({ dueAt }) => (dueAt === null ? '' : minute(dueAt)), dispensable: 1 },
  { title: 'FOR', value: ({ standIns }) => standIns.map(({ person }) => oneLine(person.name)).join(', ') },
]
