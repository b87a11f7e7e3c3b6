import type { Command } from 'commander'
import { looseningText } from '#lib/registry/schema/loosenings.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import { minute, oneLine, plain } from '../text.ts'

export const secondPerson =
  ' What is lower than before is proposed: it counts when somebody else confirms it (servers loosenings).'

/** The verbs about what would loosen the facts of servers and tools and waits for a second person. */
export function addLooseningVerbs(servers: Command, setup: Setup): void {
  addVerb(servers, setup, {
    name: 'loosenings',
    says: 'List what would loosen the facts, guards or boundaries of servers and tools and waits for a second person.',
    run: async (cli) => {
      const list = await (await cli.client()).all(routes.servers.listLoosenings, {})
      const lines = list.items.map(
        ({ id, server, proposedBy, proposedAt, reason, ...one }) =>
          `${id}  ${server.id}  ${plain(looseningText(one))}  by ${plain(proposedBy.name)} ${minute(proposedAt)} UTC${reason ? `: ${oneLine(reason)}` : ''}`,
      )
      cli.show(list, () => (lines.length === 0 ? 'Nothing waits.' : lines.join('\n')))
    },
  })
  addVerb(servers, setup, {
    name: 'confirm <loosening>',
    says: 'Let a lower fact of a server or tool, or a looser guard or boundary, count that somebody else has proposed.',
    run: async (cli, { args: [id = ''] }) => {
      await (await cli.client()).call(routes.servers.confirmLoosening, { params: { id } })
      cli.show({ id }, () => 'It counts now.')
    },
  })
  addVerb(servers, setup, {
    name: 'withdraw <loosening>',
    says: 'End what was proposed of a server or tool; what counts goes on counting.',
    run: async (cli, { args: [id = ''] }) => {
      await (await cli.client()).call(routes.servers.withdrawLoosening, { params: { id } })
      cli.show({ id }, () => 'It is withdrawn.')
    },
  })
}
