import type { SimulatedTurn, Simulation } from '#lib/templates/schema.ts'
import { blocked, Transcript } from '../simulation-kit.ts'

type Change = { type: string; text: string; ticket: string | null }
type Deploy = { id: string; version: string; service: string; changes: Change[] }
type Ticket = { id: string; title: string; status: string }

const scopes = { list_deploys: 'deploys:read', diff_deploys: 'deploys:read', get_ticket: 'tickets:read' }

/** Reads the deploy log and the tickets it mentions, and writes notes from exactly these. */
export const simulation: Simulation = {
  next(conversation) {
    const transcript = new Transcript(conversation)
    return (
      blocked(transcript, scopes) ??
      readDeploys(transcript) ??
      readTickets(transcript) ??
      escalateOpen(transcript) ??
      writeNotes(transcript) ?? { text: notes(transcript) }
    )
  },
}

function readDeploys(transcript: Transcript): SimulatedTurn | null {
  const service = String(transcript.parameters['service'] ?? 'payments-api')
  if (transcript.of('list_deploys').length === 0) {
    const limit = Number(transcript.parameters['deploys_max'] ?? 8)
    return {
      text: `I read the latest production deploys of ${service}.`,
      toolCalls: [
        { name: transcript.name('deploys', 'list_deploys'), input: { service, environment: 'production', limit } },
      ],
    }
  }
  const deploys = deploysOf(transcript)
  if (deploys.length === 0) return { text: `The deploy log has no production deploy of ${service}, so there are no notes.` }
  if (deploys.length === 1 || transcript.of('diff_deploys').length > 0) return null
  const input = { from_deploy_id: deploys.at(-1)!.id, to_deploy_id: deploys[0]!.id, service }
  return { toolCalls: [{ name: transcript.name('deploys', 'diff_deploys'), input }] }
}

function readTickets(transcript: Transcript): SimulatedTurn | null {
  if (transcript.of('get_ticket').length > 0) return null
  const ids = [...new Set(changesOf(transcript).flatMap((change) => change.ticket ?? []))].slice(0, 20)
  if (ids.length === 0) return null
  const name = transcript.name('tickets', 'get_ticket')
  return {
    text: `The changes mention ${ids.length} tickets. I read them.`,
    toolCalls: ids.map((ticket_id) => ({ name, input: { ticket_id } })),
  }
}

function escalateOpen(transcript: Transcript): SimulatedTurn | null {
  const open = [...openTickets(transcript).values()]
  if (open.length === 0 || transcript.of('escalate').length > 0) return null
  const toolCalls = open.map((ticket) => ({
    name: transcript.name(null, 'escalate'),
    input: {
      kind: 'finding',
      title: `${ticket.id} is deployed but still ${ticket.status}`,
      summary: `The deploy log says that "${ticket.title}" is fixed; the ticket is ${ticket.status}. I leave it out of the notes.`,
      severity: 'low',
      category: 'ticket_still_open',
      subject: ticket.id,
    },
  }))
  return { toolCalls }
}

function writeNotes(transcript: Transcript): SimulatedTurn | null {
  if (transcript.of('bash').length > 0) return null
  const command = `cat > release-notes.md <<'END_OF_NOTES'\n${notes(transcript)}\nEND_OF_NOTES\nwc release-notes.md`
  return { toolCalls: [{ name: transcript.name(null, 'bash'), input: { command } }] }
}

function notes(transcript: Transcript): string {
  const deploys = deploysOf(transcript)
  const open = openTickets(transcript)
  const changes = [...new Map(changesOf(transcript).map((change) => [`${change.type}:${change.text}`, change])).values()]
  const section = (title: string, type: string) => {
    const lines = changes
      .filter((change) => change.type === type && !(change.ticket && open.has(change.ticket)))
      .map((change) => `- ${change.text.replace(/^Fixed: /, '')}${change.ticket ? ` [${change.ticket}]` : ''}`)
    return lines.length > 0 ? [`## ${title}\n${lines.join('\n')}`] : []
  }
  const range = deploys.length > 1 ? `${deploys.at(-1)!.version} to ${deploys[0]!.version}` : deploys[0]!.version
  return [
    `# ${deploys[0]!.service} ${range}`,
    ...section('New', 'feature'),
    ...section('Fixed', 'fix'),
    ...(transcript.parameters['audience'] === 'engineers' ? section('Internal', 'internal') : []),
  ].join('\n\n')
}

function deploysOf(transcript: Transcript): Deploy[] {
  return transcript.answers<{ deploys: Deploy[] }>('list_deploys').flatMap((page) => page.deploys)
}

function changesOf(transcript: Transcript): Change[] {
  return deploysOf(transcript).flatMap((deploy) => deploy.changes)
}

function openTickets(transcript: Transcript): Map<string, Ticket> {
  const tickets = transcript.answers<{ ticket: Ticket }>('get_ticket').map((answer) => answer.ticket)
  const open = tickets.filter((ticket) => ticket.status !== 'resolved' && ticket.status !== 'closed')
  return new Map(open.map((ticket) => [ticket.id, ticket]))
}
