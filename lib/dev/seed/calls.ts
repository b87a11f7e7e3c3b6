import type { PlannedAgent } from './fleet-plan.ts'

export type ToolRef = { server: string; tool: string }
export type Share = ToolRef & { share: number }

/** What an agent of a template calls, by share, and what it is refused. */
const calledBy: Record<PlannedAgent['templateId'], { calls: readonly Share[]; refused: ToolRef }> = {
  'invoice-reconciler': {
    calls: [
      { server: 'invoices', tool: 'get_invoice', share: 0.4 },
      { server: 'erp', tool: 'get_purchase_order', share: 0.35 },
      { server: 'invoices', tool: 'list_invoices', share: 0.15 },
      { server: 'erp', tool: 'list_purchase_orders', share: 0.1 },
    ],
    refused: { server: 'invoices', tool: 'flag_invoice' },
  },
  'ticket-triager': {
    calls: [
      { server: 'tickets', tool: 'get_ticket', share: 0.4 },
      { server: 'crm', tool: 'get_account', share: 0.3 },
      { server: 'tickets', tool: 'list_tickets', share: 0.2 },
      { server: 'tickets', tool: 'search_tickets', share: 0.1 },
    ],
    refused: { server: 'tickets', tool: 'close_ticket' },
  },
  'release-note-writer': {
    calls: [
      { server: 'deploys', tool: 'get_deploy', share: 0.4 },
      { server: 'deploys', tool: 'diff_deploys', share: 0.35 },
      { server: 'deploys', tool: 'list_deploys', share: 0.25 },
    ],
    refused: { server: 'deploys', tool: 'record_deploy' },
  },
}

const writesTickets: readonly Share[] = [{ server: 'tickets', tool: 'update_ticket', share: 0.3 }]
const recordsDeploys: readonly Share[] = [{ server: 'deploys', tool: 'record_deploy', share: 0.04 }]

/** Agents that call besides what their template calls; who holds more than these call has more than it uses. */
const alsoCalledBy: Record<string, readonly Share[]> = {
  'invoice-reconciler-hardware': [
    { server: 'invoices', tool: 'flag_invoice', share: 0.05 },
    { server: 'erp', tool: 'post_adjustment', share: 0.008 },
  ],
  'invoice-reconciler-emea': [{ server: 'invoices', tool: 'flag_invoice', share: 0.06 }],
  'invoice-reconciler-apac': [{ server: 'erp', tool: 'post_adjustment', share: 0.01 }],
  'ticket-triager-checkout': writesTickets,
  'ticket-triager-orders': writesTickets,
  'ticket-triager-returns': writesTickets,
  'ticket-triager-accounts': writesTickets,
  'ticket-triager-chargeback': [{ server: 'billing-db', tool: 'query', share: 0.1 }],
  'release-notes-payments-api': recordsDeploys,
  'release-notes-edge': recordsDeploys,
}

/** What agents try again and again and are refused: most of it is what a request of theirs asks for. */
const wished: Record<string, ToolRef> = {
  'invoice-reconciler-cloud': { server: 'invoices', tool: 'flag_invoice' },
  'invoice-reconciler-benelux': { server: 'erp', tool: 'post_adjustment' },
  'ticket-triager-mobile': { server: 'tickets', tool: 'update_ticket' },
  'ticket-triager-delivery': { server: 'tickets', tool: 'update_ticket' },
  // It holds the grant, and a central policy refuses it all the same.
  'release-notes-gateway': { server: 'deploys', tool: 'rollback' },
  'release-notes-portal': { server: 'crm', tool: 'list_accounts' },
  'ticket-triager-chargeback': { server: 'billing-db', tool: 'delete_account' },
  'ticket-triager-certificate': { server: 'deploys', tool: 'list_deploys' },
}

export function callsOf(agent: PlannedAgent): { calls: readonly Share[]; refused: ToolRef; insists: boolean } {
  const { calls, refused } = calledBy[agent.templateId]
  const wish = wished[agent.id]
  return { calls: [...calls, ...(alsoCalledBy[agent.id] ?? [])], refused: wish ?? refused, insists: wish !== undefined }
}
