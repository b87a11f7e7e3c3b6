import type { SimulatedTurn, Simulation } from '#lib/templates/schema.ts'
import { blocked, Transcript } from '../simulation-kit.ts'

type Ticket = { id: string; title: string; body: string; account_id: string; product: string }
type Account = { id: string; name: string; tier: string }
type Page<K extends string, T> = Record<K, T[]> & { next_cursor: string | null }
type Proposal = { ticket: Ticket; priority: 'p1' | 'p2' | 'p3' | 'p4'; team: string; why: string }

const scopes = { list_tickets: 'tickets:read', list_accounts: 'crm:read' }

/** The first rule whose words occur in the ticket decides. */
const rules: readonly [RegExp, Proposal['priority'], string, string][] = [
  [/outage|is down|every payment fails/i, 'p1', 'payments', 'an outage'],
  [/data leak|security matter|address of somebody else/i, 'p1', 'security', 'data shown to others'],
  [/refund|payments? .*fail|tax rate|billing/i, 'p2', 'payments', 'money is wrong'],
  [/log in|login|password|locked/i, 'p2', 'identity', 'a customer cannot log in'],
  [/export/i, 'p3', 'data', 'slow, with a way around it'],
  [/search/i, 'p3', 'search', 'a wrong result, with a way around it'],
  [/notification|webhook|mails?/i, 'p3', 'messaging', 'late or repeated messages'],
  [/nice to have|wish|please add/i, 'p4', 'product', 'a wish'],
  [/question|how do i|where in/i, 'p4', 'support', 'a question'],
]

/** Reads untriaged tickets and their accounts, calls a person for p1, then sets or proposes priority and team. */
export const simulation: Simulation = {
  next(conversation) {
    const transcript = new Transcript(conversation)
    const stopped = blocked(transcript, scopes) ?? read(transcript)
    if (stopped) return stopped
    const proposals = proposalsOf(transcript)
    return escalateUrgent(transcript, proposals) ?? apply(transcript, proposals) ?? { text: table(transcript, proposals) }
  },
}

function read(transcript: Transcript): SimulatedTurn | null {
  if (transcript.of('list_tickets').length > 0) return null
  const limit = Number(transcript.parameters['tickets_max'] ?? 25)
  return {
    text: 'I read the tickets without a priority and the accounts they come from.',
    toolCalls: [
      { name: transcript.name('tickets', 'list_tickets'), input: { untriaged: true, limit } },
      { name: transcript.name('crm', 'list_accounts'), input: { limit: 100 } },
    ],
  }
}

function proposalsOf(transcript: Transcript): Proposal[] {
  const tickets = transcript.answers<Page<'tickets', Ticket>>('list_tickets').flatMap((page) => page.tickets)
  const accounts = transcript.answers<Page<'accounts', Account>>('list_accounts').flatMap((page) => page.accounts)
  const enterprise = new Set(accounts.filter((account) => account.tier === 'enterprise').map((account) => account.id))
  const boost = transcript.parameters['enterprise_boost'] === true
  return tickets.map((ticket) => {
    const [, priority, team, why] = rules.find(([words]) => words.test(`${ticket.title}\n${ticket.body}`)) ?? rules.at(-1)!
    const raised = boost && enterprise.has(ticket.account_id) && (priority === 'p3' || priority === 'p4')
    if (!raised) return { ticket, priority, team, why }
    return { ticket, priority: priority === 'p3' ? 'p2' : 'p3', team, why: `${why}; enterprise account` }
  })
}

function escalateUrgent(transcript: Transcript, proposals: Proposal[]): SimulatedTurn | null {
  const urgent = proposals.filter((proposal) => proposal.priority === 'p1')
  if (urgent.length === 0 || transcript.of('escalate').length > 0) return null
  const toolCalls = urgent.map(({ ticket, team, why }) => ({
    name: transcript.name(null, 'escalate'),
    input: {
      kind: 'urgent',
      title: `${ticket.id}: ${ticket.title}`,
      summary: `${why} (${ticket.product}, account ${ticket.account_id}). For the team ${team}.`,
      severity: 'high',
      category: 'p1',
      subject: ticket.id,
    },
  }))
  return { text: `${urgent.length} tickets cannot wait. I call a person for them first.`, toolCalls }
}

/** Five tickets a turn; the first refusal ends the writing, not the run. */
function apply(transcript: Transcript, proposals: Proposal[]): SimulatedTurn | null {
  const refused = blocked(transcript, { update_ticket: 'tickets:write' })
  if (refused?.toolCalls) return refused
  if (refused || transcript.parameters['apply'] !== true || !transcript.lists('update_ticket')) return null
  const done = new Set(transcript.of('update_ticket').map((call) => call.input['ticket_id']))
  const next = proposals.filter((proposal) => !done.has(proposal.ticket.id)).slice(0, 5)
  if (next.length === 0) return null
  const toolCalls = next.map(({ ticket, priority, team, why }) => ({
    name: transcript.name('tickets', 'update_ticket'),
    input: { ticket_id: ticket.id, priority, assigned_team: team, comment: `Triaged by an agent: ${why}.` },
  }))
  return { toolCalls }
}

function table(transcript: Transcript, proposals: Proposal[]): string {
  if (proposals.length === 0) return 'Every ticket has a priority: there is nothing to triage.'
  const written = new Set(
    transcript.of('update_ticket').flatMap((call) => (call.answer && !call.answer.refused ? [call.input['ticket_id']] : [])),
  )
  const rows = proposals.map(({ ticket, priority, team, why }) => `| ${ticket.id} | ${priority} | ${team} | ${why} |`)
  const ending =
    written.size > 0
      ? `Set on ${written.size} tickets.`
      : 'These are proposals: nothing was written, because writing is switched off or the scope tickets:write is not granted.'
  return `| Ticket | Priority | Team | Why |\n|---|---|---|---|\n${rows.join('\n')}\n\n${ending}`
}
