import type { Command } from 'commander'
import type { AgentDiff, AgentListDiff, AgentMoment, FieldChange, ReachPart } from '#lib/registry/schema/history.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import type { Column } from '../table.ts'
import { count, oneLine, plain } from '../text.ts'

/** For `.option`: asks about an instant instead of now. */
export const asOfOption = [
  '--as-of <instant>',
  'as it was then: 2026-11-25T10:00:00Z, or a day for its beginning in UTC',
] as const

/** What differs between two instants, and when an agent changed. */
export function addHistoryVerbs(agents: Command, setup: Setup): void {
  addVerb<{ from: string; to?: string; query?: string }>(agents, setup, {
    name: 'diff [id]',
    says: `Say what is different between two instants: of an agent field by field and grant by grant, or of the list that matches a query, with who gained or lost reach.`,
    examples: [
      'wheelhouse agents diff invoice-reconciler-7 --from 2026-11-01',
      'wheelhouse agents diff -q "can:write env:production" --from 2026-11-01 --to 2026-11-25T10:00:00Z',
    ],
    options: (command) =>
      command
        .requiredOption('--from <instant>', 'the earlier instant, or a day')
        .option('--to <instant>', 'the later one; left out: now')
        .option('-q, --query <query>', 'a query, as agents list takes it'),
    run: async (cli, { args: [id], options: { query, ...instants } }) => {
      if (id !== undefined && query !== undefined) throw new UsageError('Name an agent or give a query, not both.')
      const client = await cli.client()
      if (id !== undefined) {
        const diff = await client.call(routes.history.diffAgent, { params: { id }, query: instants })
        return cli.show(diff, () => agentDiffText(diff))
      }
      const diff = await client.call(routes.history.diffAgents, { query: { ...instants, q: query } })
      return cli.show(diff, () => listDiffText(diff))
    },
  })
  addVerb(agents, setup, {
    name: 'history <id>',
    says: 'List the instants at which an agent’s entry or one of its grants changed, newest first.',
    run: async (cli, { args: [id = ''] }) => {
      const client = await cli.client()
      const list = await client.call(routes.history.moments, { params: { id }, query: { limit: 500 } })
      while (list.nextCursor !== null) {
        const query = { limit: 500, cursor: list.nextCursor }
        const page = await client.call(routes.history.moments, { params: { id }, query })
        list.items.push(...page.items)
        list.nextCursor = page.nextCursor
      }
      cli.show(list, () => cli.table(momentColumns, list.items))
    },
  })
}

const momentColumns: Column<AgentMoment>[] = [
  { title: 'AT (UTC)', value: ({ at }) => at },
  { title: 'ENTRY', value: ({ entry }) => (entry ? 'changed' : '') },
  { title: 'GRANTS', value: ({ grants }) => (grants ? 'changed' : '') },
  { title: 'AUDIT SEQ', value: ({ auditSeq }) => auditSeq, align: 'right', dispensable: 1 },
]

function agentDiffText(diff: AgentDiff): string {
  const signs = { added: '+', removed: '-', changed: '~' }
  const presence = { appeared: ['It was registered in between.'], left: ['It is not there any more.'] }
  const lines = [
    ...(diff.presence ? presence[diff.presence] : []),
    ...diff.fields.map((change) => fieldText(change)),
    ...diff.grants.flatMap(({ change, serverId, class: of, toolName, fields }) => [
      `${signs[change]} grant ${serverId} ${toolName ?? of}`,
      ...(change === 'changed' ? fields.map((field) => `    ${fieldText(field)}`) : []),
    ]),
  ]
  return [
    `${plain(diff.name)}, ${diff.from.at} to ${diff.to.at}`,
    ...lines,
    ...(lines.length ? [] : ['Nothing is different.']),
  ].join('\n')
}

function listDiffText(diff: AgentListDiff): string {
  const lines = [
    ...diff.appeared.map(({ id }) => `+ ${id}`),
    ...diff.left.map(({ id }) => `- ${id}`),
    ...diff.changed.flatMap(({ id, fields }) => [`~ ${id}`, ...fields.map((field) => `    ${fieldText(field)}`)]),
  ]
  const more = diff.more.appeared + diff.more.left + diff.more.changed
  const reach = diff.reach?.flatMap(({ id, gained, lost }) => [`  ${id}: ${reachText({ gained, lost })}`]) ?? [
    '  not known: which central policies were enforced at one of the instants, or what they kept out of reach, is not on record',
  ]
  return [
    `${diff.from.at} to ${diff.to.at}: ${diff.total.from} matched, then ${diff.total.to}`,
    ...lines,
    ...(lines.length ? [] : ['Nothing is different.']),
    ...(more > 0 ? [`${count(more, 'agent')} more are not shown.`] : []),
    ...(reach.length > 0 ? ['Reach:', ...reach] : ['Nobody gained or lost reach.']),
    ...(diff.more.reach > 0 ? [`${count(diff.more.reach, 'agent')} more gained or lost reach.`] : []),
  ].join('\n')
}

function reachText({ gained, lost }: { gained: ReachPart[]; lost: ReachPart[] }): string {
  const named = (parts: ReachPart[]): string => parts.map(({ serverId, class: of }) => `${serverId} ${of}`).join(', ')
  return [gained.length > 0 && `gained ${named(gained)}`, lost.length > 0 && `lost ${named(lost)}`]
    .filter(Boolean)
    .join('; ')
}

function fieldText({ field, before, after }: FieldChange): string {
  return `${field}: ${oneLine(JSON.stringify(before))} → ${oneLine(JSON.stringify(after))}`
}
