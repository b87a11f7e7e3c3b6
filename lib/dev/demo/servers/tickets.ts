import { join } from 'node:path'
import { z } from 'zod'
import { loadTickets } from '../data/load.ts'
import { pageOf } from '../paging.ts'
import { createJsonStore } from '../store.ts'
import { type Handlers, ToolRefusal } from '../tool.ts'
import { ticket as ticketSchema, type ticketsTools } from '../tools/tickets.ts'

type Ticket = z.output<typeof ticketSchema>

/** Tickets that were changed are kept whole in `tickets.json` of the data folder; the others come from the committed data. */
export function ticketsHandlers(options: { folder: string; now: () => Date }): Handlers<typeof ticketsTools> {
  const base: readonly Ticket[] = loadTickets().toReversed()
  const content = z.object({ changed: z.record(z.string(), ticketSchema).default({}) })
  const store = createJsonStore(join(options.folder, 'tickets.json'), content)

  async function current(): Promise<Ticket[]> {
    const { changed } = await store.read()
    return base.map((row) => changed[row.id] ?? row)
  }

  function change(id: string, apply: (draft: Ticket, at: string) => void) {
    return store.update(({ changed }) => {
      const row = changed[id] ?? base.find((candidate) => candidate.id === id)
      if (!row) throw new ToolRefusal(`There is no ticket ${id}.`)
      if (row.status === 'closed') throw new ToolRefusal(`${id} is closed; a closed ticket cannot be changed.`)
      const draft = structuredClone(row)
      draft.updated_at = options.now().toISOString()
      apply(draft, draft.updated_at)
      changed[id] = draft
      return { ticket: draft }
    })
  }

  return {
    async list_tickets({ status, product, account_id, untriaged, ...page }) {
      const rows = (await current())
        .filter((row) => status === undefined || row.status === status)
        .filter((row) => product === undefined || row.product === product)
        .filter((row) => account_id === undefined || row.account_id === account_id)
        .filter((row) => untriaged === undefined || untriaged === (row.priority === null))
      const { rows: tickets, ...rest } = pageOf(rows, page)
      return { tickets, ...rest }
    },
    async get_ticket({ ticket_id }) {
      const ticket = (await current()).find((row) => row.id === ticket_id)
      if (!ticket) throw new ToolRefusal(`There is no ticket ${ticket_id}.`)
      return { ticket }
    },
    async search_tickets({ query, ...page }) {
      const words = query.toLowerCase().split(/\s+/).filter(Boolean)
      const rows = (await current()).filter((row) => {
        const text = [row.title, row.body, ...row.comments.map((comment) => comment.text)].join('\n').toLowerCase()
        return words.every((word) => text.includes(word))
      })
      const { rows: tickets, ...rest } = pageOf(rows, page)
      return { tickets, ...rest }
    },
    update_ticket({ ticket_id, priority, assigned_team, status, labels, comment }) {
      return change(ticket_id, (draft, at) => {
        if (priority) draft.priority = priority
        if (assigned_team) draft.assigned_team = assigned_team
        if (status) draft.status = status
        if (labels) draft.labels = labels
        if (comment) draft.comments.push({ at, author: 'agent', text: comment })
      })
    },
    close_ticket({ ticket_id, resolution }) {
      return change(ticket_id, (draft, at) => {
        draft.status = 'closed'
        draft.comments.push({ at, author: 'agent', text: resolution })
      })
    },
  }
}
