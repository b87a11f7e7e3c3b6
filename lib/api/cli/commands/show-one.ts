import type { Command } from 'commander'
import type { AnswerOf, Endpoint, RequestOf } from '../../endpoint.ts'
import { addVerb, type Setup } from '../cli.ts'
import type { Column } from '../table.ts'

/** The verb that shows one thing of a list as its row: what `--etag` and `--json` are for. */
export function addShowVerb<E extends Endpoint>(
  parent: Command,
  setup: Setup,
  verb: {
    name: string
    says: string
    endpoint: E
    request: (id: string) => RequestOf<E>
    columns: readonly Column<AnswerOf<E>>[]
  },
): void {
  addVerb(parent, setup, {
    name: verb.name,
    says: verb.says,
    run: async (cli, { args: [id = ''] }) => {
      const found = await (await cli.client()).call(verb.endpoint, verb.request(id))
      cli.show(found, () => cli.table(verb.columns, [found]))
    },
  })
}
