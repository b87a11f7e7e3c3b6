import { z } from 'zod'
import { pageInput, pageOutput } from '../paging.ts'
import { toolSpec } from '../tool.ts'

const ticketId = z
  .string()
  .regex(/^TIC-\d{4}$/)
  .describe('The id of a ticket, for example TIC-3042.')
const status = z.enum(['open', 'in_progress', 'waiting', 'resolved', 'closed'])
const priority = z.enum(['p1', 'p2', 'p3', 'p4'])

export const ticket = z.object({
  id: z.string(),
  title: z.string(),
  body: z.string(),
  account_id: z.string(),
  requester_id: z.string(),
  product: z.string(),
  status,
  priority: priority.nullable().describe('null: nobody has triaged it yet.'),
  assigned_team: z.string().nullable(),
  labels: z.array(z.string()),
  created_at: z.string(),
  updated_at: z.string(),
  comments: z.array(z.object({ at: z.string(), author: z.string(), text: z.string() })),
})

export const ticketsTools = {
  list_tickets: toolSpec({
    class: 'read',
    title: 'List tickets',
    description: 'Support tickets, newest first, one page at a time.',
    input: z.strictObject({
      status: status.optional(),
      product: z.string().max(50).optional(),
      account_id: z.string().max(20).optional(),
      untriaged: z.boolean().optional().describe('true: only tickets that have no priority yet.'),
      ...pageInput,
    }),
    output: z.object({ tickets: z.array(ticket), ...pageOutput }),
  }),
  get_ticket: toolSpec({
    class: 'read',
    title: 'Get a ticket',
    description: 'One ticket with its comments.',
    input: z.strictObject({ ticket_id: ticketId }),
    output: z.object({ ticket }),
  }),
  search_tickets: toolSpec({
    class: 'read',
    title: 'Search tickets',
    description: 'Tickets whose title, text or comments contain all the words.',
    input: z.strictObject({ query: z.string().min(2).max(200), ...pageInput }),
    output: z.object({ tickets: z.array(ticket), ...pageOutput }),
  }),
  update_ticket: toolSpec({
    class: 'write',
    title: 'Update a ticket',
    description:
      'Sets priority, team, status or labels of a ticket and adds a comment. What is left out stays as it is.',
    input: z.strictObject({
      ticket_id: ticketId,
      priority: priority.optional(),
      assigned_team: z.string().min(2).max(50).optional(),
      status: z.enum(['open', 'in_progress', 'waiting', 'resolved']).optional(),
      labels: z.array(z.string().min(1).max(40)).max(10).optional(),
      comment: z.string().min(1).max(2000).optional(),
    }),
    output: z.object({ ticket }),
  }),
  close_ticket: toolSpec({
    class: 'destructive',
    title: 'Close a ticket',
    description: 'Closes a ticket and tells the customer. A closed ticket cannot be opened again.',
    input: z.strictObject({ ticket_id: ticketId, resolution: z.string().min(3).max(2000) }),
    output: z.object({ ticket }),
  }),
}
