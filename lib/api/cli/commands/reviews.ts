import type { Command } from 'commander'
import {
  type ReviewCampaignRow,
  type ReviewDecision,
  reviewDecisions,
  type ReviewItemView,
  type ReviewShowQuery,
} from '#lib/lifecycle/schema/reviews.ts'
import { routes } from '../../routes.ts'
import { addVerb, type Setup } from '../cli.ts'
import { UsageError } from '../errors.ts'
import type { Column } from '../table.ts'
import { count, day, minute, oneLine, plain } from '../text.ts'
import { scopeText } from './agent-table.ts'
import { choice } from './choices.ts'

type StartOptions = { query?: string; view?: string; grant: string[]; due: string; atEnd: string; days: string }

/** The verbs about campaigns that review grants. */
export function addReviewCommands(program: Command, setup: Setup): void {
  const reviews = program.command('reviews').description('Campaigns: whether grants are still needed.')
  addVerb<{ state: string; limit: string }>(reviews, setup, {
    name: 'list',
    says: 'List campaigns, the newest first.',
    options: (command) =>
      command
        .addOption(choice('--state <state>', 'only these', ['open', 'ended', 'any']).default('any'))
        .option('--limit <rows>', 'how many at most', '50'),
    run: async (cli, { options: { state, limit } }) => {
      const query = { state: state as 'open' | 'ended' | 'any', limit }
      const list = await (await cli.client()).call(routes.reviews.list, { query })
      cli.show(list, () => (list.items.length === 0 ? 'There is no campaign.' : cli.table(campaignColumns, list.items)))
    },
  })
  addVerb<{ show: string; limit: string; from?: string }>(reviews, setup, {
    name: 'show <campaign>',
    says: 'Show a campaign: its grants with what they were needed for, and who has not answered.',
    options: (command) =>
      command
        .addOption(choice('--show <which>', 'only these', ['all', 'open', 'mine']).default('all'))
        .option('--limit <rows>', 'how many at most', '100')
        .option('--from <cursor>', 'the page after the one that named it'),
    run: async (cli, { args: [id = ''], options: { show, limit, from } }) => {
      const query = { show: show as ReviewShowQuery['show'], limit, ...(from === undefined ? {} : { cursor: from }) }
      const found = await (await cli.client()).call(routes.reviews.show, { params: { id }, query })
      cli.show(found, () => {
        const { progress, waiting } = found
        const title = `${cli.terminal.style('bold', oneLine(found.title))}, due ${minute(found.dueAt)} UTC: ${progress.decided} of ${count(progress.items, 'grant')} decided`
        const open = waiting.map(({ team, items }) => `${oneLine(team.name)} ${items}`).join(', ')
        const table = found.items.length === 0 ? 'Nothing of it.' : cli.table(itemColumns, found.items)
        const more = found.nextCursor === null ? [] : ['', `There are more: --from ${found.nextCursor}`]
        return [title, ...(open ? [`Waits for: ${open}`] : []), '', table, ...more].join('\n')
      })
    },
  })
  addVerb<StartOptions>(reviews, setup, {
    name: 'start <title>',
    says: 'Start a campaign over the grants of the agents of a query or of a saved view, or over grants that are named.',
    examples: [
      'wheelhouse reviews start "Writes on production" --query "can:write env:production" --due 14 --at-end narrow',
    ],
    options: (command) =>
      command
        .option('--query <query>', 'of the catalog')
        .option('--view <name>', 'a saved view of the catalog')
        .option('--grant <ids...>', 'these grants', [])
        .option('--due <days>', 'how many days there are to answer', '14')
        .addOption(
          choice('--at-end <what>', 'what becomes of what nobody answers', reviewDecisions).makeOptionMandatory(),
        )
        .option('--days <days>', 'how many days of calls are looked at', '90'),
    run: async (cli, { args: [title = ''], options }) => {
      const { query, view, grant, due, atEnd, days } = options
      const body = {
        title,
        ...(query === undefined ? {} : { query }),
        ...(view === undefined ? {} : { view }),
        ...(grant.length > 0 ? { grantIds: grant } : {}),
        dueDays: Number(due),
        atEnd: atEnd as ReviewDecision,
        days: Number(days),
      }
      const made = await (await cli.client()).call(routes.reviews.start, { body })
      cli.show(made, () => `Campaign ${made.campaignId} asks about ${count(made.items, 'grant')}.`)
    },
  })
  addVerb<{ reason: string; for?: string }>(reviews, setup, {
    name: 'decide <campaign> <decision> <items...>',
    says: `Decide about items of a campaign: ${reviewDecisions.join(', ')}.`,
    options: (command) =>
      command
        .requiredOption('--reason <text>', 'why')
        .option('--for <person>', 'in the place of somebody you stand in for, by id'),
    run: async (cli, { args: [id = '', decision = '', ...items], options: { reason, for: forPersonId } }) => {
      const known = reviewDecisions.find((each) => each === decision)
      if (!known) throw new UsageError(`The decision is one of: ${reviewDecisions.join(', ')}.`)
      const place = forPersonId === undefined ? {} : { forPersonId }
      const decisions = items.map((itemId) => ({ itemId, ...place, decision: known, reason }))
      const done = await (await cli.client()).call(routes.reviews.decide, { params: { id }, body: { decisions } })
      cli.show(done, () =>
        [
          `${count(done.decided, 'grant')} decided.`,
          ...done.refused.map(({ itemId, message }) => `${itemId}: ${oneLine(message)}`),
        ].join('\n'),
      )
    },
  })
  addVerb(reviews, setup, {
    name: 'end <campaign>',
    says: 'End a campaign before its time; what nobody answered becomes what it says.',
    run: async (cli, { args: [id = ''] }) => {
      const done = await (await cli.client()).call(routes.reviews.end, { params: { id } })
      cli.show(done, () => `Campaign ${plain(id)} has ended; ${count(done.unanswered, 'grant')} nobody answered.`)
    },
  })
}

const campaignColumns: Column<ReviewCampaignRow>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'TITLE', value: ({ title }) => title, widthMin: 12 },
  { title: 'DECIDED', value: ({ progress }) => `${progress.decided}/${progress.items}`, align: 'right' },
  { title: 'DUE', value: ({ dueAt }) => day(dueAt) },
  { title: 'AT END', value: ({ atEnd }) => atEnd },
  { title: 'STATE', value: ({ endedAt }) => (endedAt === null ? 'open' : 'ended') },
]

const itemColumns: Column<ReviewItemView>[] = [
  { title: 'ITEM', value: ({ id }) => id },
  { title: 'AGENT', value: ({ agent }) => agent.id },
  { title: 'SCOPE', value: (item) => scopeText({ ...item, serverId: item.server.id }), widthMin: 12 },
  { title: 'CALLS', value: ({ evidence }) => String(evidence.calls), align: 'right' },
  { title: 'SINCE', value: ({ since }) => String(since.calls), align: 'right', dispensable: 2 },
  {
    title: 'PROPOSAL',
    value: ({ evidence: { proposal }, since }) => {
      if (proposal === null) return '-'
      const limits = proposal.conditions.length > 0 ? ', with conditions' : ''
      const what = proposal.kind === 'narrow' ? `narrow: ${proposal.toolNames.join(', ')}${limits}` : 'revoke'
      return since.neededByNow ? `${what} (needed by now)` : what
    },
    widthMin: 8,
  },
  { title: 'DECISION', value: ({ decision, how }) => decision ?? how ?? 'open' },
]
