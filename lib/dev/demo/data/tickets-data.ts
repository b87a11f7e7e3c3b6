import type { Account, Contact } from './crm-data.ts'
import { createRandom, type Random } from './random.ts'

export type TicketPriority = 'p1' | 'p2' | 'p3' | 'p4'
export type TicketStatus = 'open' | 'in_progress' | 'waiting' | 'resolved' | 'closed'
export type Ticket = {
  id: string
  title: string
  body: string
  account_id: string
  requester_id: string
  product: string
  status: TicketStatus
  /** null: nobody has triaged it yet */
  priority: TicketPriority | null
  assigned_team: string | null
  labels: string[]
  created_at: string
  updated_at: string
  comments: { at: string; author: string; text: string }[]
}

type Problem = { title: string; body: string; product: string; priority: TicketPriority; team: string; label: string }

const problems: readonly Problem[] = [
  { title: 'Checkout is down for all our shops', body: 'Since this morning every payment fails with error 503. It is a complete outage for us, nobody can pay.', product: 'payments-api', priority: 'p1', team: 'payments', label: 'outage' },
  { title: 'Customers see orders of other customers', body: 'Two buyers reported that their order page shows the address of somebody else. This looks like a data leak, please treat it as a security matter.', product: 'web-portal', priority: 'p1', team: 'security', label: 'security' },
  { title: 'Refund was booked twice', body: 'The refund for one order was paid out two times. We lose money with each one, please stop it.', product: 'ledger', priority: 'p2', team: 'payments', label: 'billing' },
  { title: 'Export takes over ten minutes', body: 'The monthly export has become very slow, it used to take seconds. The data is right in the end.', product: 'ledger', priority: 'p3', team: 'data', label: 'performance' },
  { title: 'Cannot log in after changing my password', body: 'I changed my password and now the login page says the account is locked. My colleagues can still log in.', product: 'web-portal', priority: 'p2', team: 'identity', label: 'login' },
  { title: 'Search does not find accented names', body: 'Searching for a name with an accent gives no result, without the accent it works.', product: 'search', priority: 'p3', team: 'search', label: 'bug' },
  { title: 'Notification mails arrive late', body: 'Order mails arrive two to three hours late since last week. Slow, but they do arrive.', product: 'notifications', priority: 'p3', team: 'messaging', label: 'performance' },
  { title: 'How do I add a second administrator?', body: 'A question: where in the settings can I give a colleague administrator rights?', product: 'web-portal', priority: 'p4', team: 'support', label: 'how-to' },
  { title: 'Please add a dark theme', body: 'It would be nice to have a dark theme in the portal. This is a wish, not urgent.', product: 'web-portal', priority: 'p4', team: 'product', label: 'feature-request' },
  { title: 'Invoice shows the wrong tax rate', body: 'The tax rate on our last invoice is wrong, billing says 7 % and it must be 19 %.', product: 'ledger', priority: 'p2', team: 'payments', label: 'billing' },
  { title: 'Webhook is delivered more than once', body: 'We receive the same webhook three times within a minute. Our side copes, but it should be fixed.', product: 'notifications', priority: 'p3', team: 'messaging', label: 'bug' },
  { title: 'Payments fail for one card brand', body: 'Since yesterday about a third of the payments with one brand of card fail. Other cards work.', product: 'payments-api', priority: 'p2', team: 'payments', label: 'bug' },
] // prettier-ignore

/** 96 tickets: the 26 newest are open and nobody has triaged them. */
export function buildTickets(crm: { accounts: Account[]; contacts: Contact[] }, seed = 9_102): Ticket[] {
  const random = createRandom(seed)
  return Array.from({ length: 96 }, (_, index) => buildTicket(index, { crm, random }))
}

function buildTicket(index: number, { crm, random }: { crm: { contacts: Contact[] }; random: Random }): Ticket {
  const problem = problems[index < 70 ? random.int(0, problems.length - 1) : (index * 5) % problems.length]!
  const requester = random.pick(crm.contacts)
  const created = Date.parse('2026-08-24T07:00:00Z') + index * 22 * 3_600_000 + random.int(0, 600) * 60_000
  const triaged = index < 70
  const status = triaged ? random.pick(['resolved', 'closed', 'closed', 'in_progress', 'waiting'] as const) : 'open'
  const updated = triaged ? created + random.int(2, 90) * 3_600_000 : created
  return {
    id: `TIC-${3001 + index}`,
    title: problem.title,
    body: problem.body,
    account_id: requester.account_id,
    requester_id: requester.id,
    product: problem.product,
    status,
    priority: triaged ? problem.priority : null,
    assigned_team: triaged ? problem.team : null,
    labels: triaged ? [problem.label] : [],
    created_at: new Date(created).toISOString(),
    updated_at: new Date(updated).toISOString(),
    comments: triaged
      ? [{ at: new Date(updated).toISOString(), author: `${problem.team} team`, text: 'Looked at, see status.' }]
      : [],
  }
}
