import { readFileSync } from 'node:fs'
import type { SimulatedTurn, Simulation } from '#lib/templates/schema.ts'
import { blocked, Transcript } from '../simulation-kit.ts'

type Row = Record<string, string | number>
type InvoicePage = { invoices: Row[]; next_cursor: string | null }
type OrderPage = { purchase_orders: Row[]; next_cursor: string | null }
type Finding = { kind: string; invoice_id: string; po_number: string; detail: string }
type Outcome = { invoices: number; orders: number; matched: number; discrepancies: Finding[] }

const scopes = { list_invoices: 'invoices:read', list_purchase_orders: 'erp:read' }
const invoiceColumns = ['id', 'supplier_id', 'supplier_reference', 'po_number', 'quantity', 'amount', 'currency', 'issued_on']
const orderColumns = ['po_number', 'supplier_id', 'quantity', 'unit_price', 'currency']
const endOfData = 'END_OF_DATA_5d1c'

/** Reads everything over MCP, compares in the sandbox, and escalates what the script really found. */
export const simulation: Simulation = {
  next(conversation) {
    const transcript = new Transcript(conversation)
    return (
      blocked(transcript, scopes) ??
      readPages(transcript) ??
      writeData(transcript) ??
      runScript(transcript) ??
      report(transcript)
    )
  },
}

function readPages(transcript: Transcript): SimulatedTurn | null {
  const sources = [
    ['invoices', 'list_invoices'],
    ['erp', 'list_purchase_orders'],
  ] as const
  const toolCalls = sources.flatMap(([server, tool]) => {
    const pages = transcript.answers<{ next_cursor: string | null }>(tool)
    const last = pages.at(-1)
    if (last?.next_cursor === null) return []
    const cursor = last ? { cursor: last.next_cursor } : {}
    return [{ name: transcript.name(server, tool), input: { limit: 100, ...cursor } }]
  })
  if (toolCalls.length === 0) return null
  const first = transcript.calls.length === 0
  return { ...(first && { text: 'I read all invoices and all purchase orders first.' }), toolCalls }
}

/** The shell of a session may keep its working directory between calls or not: no command changes it. */
function writeData(transcript: Transcript): SimulatedTurn | null {
  if (transcript.of('bash').length > 0) return null
  const invoices = transcript.answers<InvoicePage>('list_invoices').flatMap((page) => page.invoices)
  const orders = transcript.answers<OrderPage>('list_purchase_orders').flatMap((page) => page.purchase_orders)
  const command = [
    'mkdir -p reconcile',
    heredoc('reconcile/invoices.csv', csv(invoiceColumns, invoices)),
    heredoc('reconcile/orders.csv', csv(orderColumns, orders)),
    'wc -l reconcile/*.csv',
  ].join('\n')
  return {
    text: `I have ${invoices.length} invoices and ${orders.length} purchase orders. I put them into the sandbox to compare them with a script.`,
    toolCalls: [{ name: transcript.name(null, 'bash'), input: { command } }],
  }
}

function runScript(transcript: Transcript): SimulatedTurn | null {
  if (transcript.of('bash').length > 1) return null
  if (transcript.refusal('bash')) return null
  const tolerance = Number(transcript.parameters['amount_tolerance'] ?? 0.05)
  const script = readFileSync(new URL('reconcile.py', import.meta.url), 'utf8')
  const command = [heredoc('reconcile/reconcile.py', script), `python3 reconcile/reconcile.py reconcile ${tolerance}`].join('\n')
  return { toolCalls: [{ name: transcript.name(null, 'bash'), input: { command } }] }
}

function report(transcript: Transcript): SimulatedTurn {
  const outcome = outcomeOf(transcript)
  if (!outcome) return scriptFailed(transcript)
  const escalated = transcript.of('escalate').length > 0
  if (!escalated && outcome.discrepancies.length > 0) return escalate(transcript, outcome.discrepancies)
  return flag(transcript, outcome) ?? { text: summary(transcript, outcome) }
}

function escalate(transcript: Transcript, findings: Finding[]): SimulatedTurn {
  const name = transcript.name(null, 'escalate')
  const most = Number(transcript.parameters['escalations_max'] ?? 12)
  if (findings.length <= most) {
    const toolCalls = findings.map((finding) => ({
      name,
      input: {
        kind: 'finding',
        title: `${words(finding.kind)}: ${finding.invoice_id}`,
        summary: `${finding.invoice_id} (${finding.po_number || 'no order number'}): ${finding.detail}`,
        severity: severityOf(finding.kind),
        category: finding.kind,
        subject: finding.invoice_id,
      },
    }))
    return { text: `${findings.length} invoices do not fit. I bring each of them to a person.`, toolCalls }
  }
  const toolCalls = [...Map.groupBy(findings, (finding) => finding.kind)].map(([kind, group]) => ({
    name,
    input: {
      kind: 'finding',
      title: `${words(kind)}: ${group.length} invoices`,
      summary: group.map((finding) => `${finding.invoice_id}: ${finding.detail}`).join('\n').slice(0, 4000),
      severity: severityOf(kind),
      category: kind,
    },
  }))
  return { text: `${findings.length} invoices do not fit. I bring them to a person by kind.`, toolCalls }
}

/** Only when the team asked for it; once a call is refused, the rest is left alone. */
function flag(transcript: Transcript, outcome: Outcome): SimulatedTurn | null {
  const refused = blocked(transcript, { flag_invoice: 'invoices:write' })
  if (refused?.toolCalls) return refused
  if (refused || transcript.parameters['flag_invoices'] !== true || transcript.of('flag_invoice').length > 0) return null
  if (outcome.discrepancies.length === 0) return null
  const toolCalls = outcome.discrepancies.map((finding) => ({
    name: transcript.name('invoices', 'flag_invoice'),
    input: { invoice_id: finding.invoice_id, reason: `${words(finding.kind)}: ${finding.detail}`.slice(0, 500) },
  }))
  return { text: 'I flag these invoices, so that they are not paid before a person has looked.', toolCalls }
}

function summary(transcript: Transcript, outcome: Outcome): string {
  const kinds = [...Map.groupBy(outcome.discrepancies, (finding) => finding.kind)]
  const rows = kinds.map(([kind, group]) => `| ${words(kind)} | ${group.map((finding) => finding.invoice_id).join(', ')} |`)
  const flagged = transcript.of('flag_invoice').filter((call) => call.answer && !call.answer.refused).length
  return [
    `I read ${outcome.invoices} invoices and ${outcome.orders} purchase orders. ${outcome.matched} invoices match.`,
    rows.length === 0
      ? 'There is no discrepancy.'
      : `${outcome.discrepancies.length} do not, and each was escalated:\n\n| Kind | Invoices |\n|---|---|\n${rows.join('\n')}`,
    flagged > 0 ? `${flagged} invoices are flagged.` : 'I changed nothing.',
    ...(transcript.refusal('flag_invoice') ? ['Flagging was refused: the scope invoices:write is missing.'] : []),
  ].join('\n\n')
}

function scriptFailed(transcript: Transcript): SimulatedTurn {
  const output = transcript.of('bash').at(-1)?.answer?.text.slice(0, 1000) ?? 'no output'
  if (transcript.of('escalate').length > 0) return { text: 'The comparison did not finish, so I report no figures. I have told a person.' }
  const input = { kind: 'blocked', title: 'The comparison in the sandbox failed', summary: output, severity: 'medium' }
  return { toolCalls: [{ name: transcript.name(null, 'escalate'), input }] }
}

function outcomeOf(transcript: Transcript): Outcome | null {
  const output = transcript.of('bash')[1]?.answer
  const line = /^RECONCILED (\{.*\})$/m.exec(output?.text ?? '')
  return line && !output?.refused ? (JSON.parse(line[1]!) as Outcome) : null
}

function severityOf(kind: string): string {
  return ['duplicate_invoice', 'wrong_supplier', 'missing_po'].includes(kind) ? 'high' : 'medium'
}

function words(kind: string): string {
  const text = kind.replaceAll('_', ' ').replace('po', 'purchase order')
  return text[0]!.toUpperCase() + text.slice(1)
}

function csv(columns: readonly string[], rows: readonly Row[]): string {
  const quoted = (value: string | number | undefined) => `"${String(value ?? '').replaceAll(/[\r\n]+/g, ' ').replaceAll('"', '""')}"`
  return [columns.join(','), ...rows.map((row) => columns.map((column) => quoted(row[column])).join(','))].join('\n')
}

function heredoc(file: string, text: string): string {
  return `cat > ${file} <<'${endOfData}'\n${text.trimEnd()}\n${endOfData}`
}
