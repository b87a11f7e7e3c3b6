import type { Random } from '../demo/data/random.ts'

type Call = (random: Random) => object

/** Whose calls' arguments are known also before the recorded history, and what they are like, by server and tool; of other demo agents nothing is, as of calls before anybody looked at them. */
export const argumentsOfAgents: Record<string, { tools: Record<string, Call> }> = {
  'invoice-reconciler-cloud': {
    tools: {
      'invoices get_invoice': invoice,
      'invoices list_invoices': (random) => ({
        currency: 'EUR',
        status: random.pick(['received', 'approved']),
        limit: random.pick([20, 50, 100]),
      }),
      'erp get_purchase_order': order,
      'erp list_purchase_orders': (random) => ({
        cost_center: `CC-${random.int(10, 23)}00`,
        status: 'open',
        limit: 50,
      }),
    },
  },
  'release-notes-payments-api': {
    tools: {
      'deploys get_deploy': (random) => ({ deploy_id: commit(random) }),
      'deploys diff_deploys': (random) => ({
        from_deploy_id: commit(random),
        to_deploy_id: commit(random),
        service: 'payments-api',
      }),
      'deploys list_deploys': (random) => ({
        service: 'payments-api',
        environment: 'production',
        limit: random.int(10, 40),
      }),
      'deploys record_deploy': (random) => recordedDeploy(random, 'payments-api'),
    },
  },
}

const teams = ['Checkout', 'Payments', 'Identity', 'Search'] as const

/** What calls of a tool are like, of agents of which nothing particular is said above. */
const argumentsOfTools: Record<string, Call> = {
  'invoices get_invoice': invoice,
  'invoices list_invoices': (random) => ({ status: random.pick(['received', 'approved', 'paid']), limit: 50 }),
  'invoices flag_invoice': (random) => ({
    ...invoice(random),
    reason: random.pick(['The amount is not the one that was ordered.', 'It came twice.', 'There is no such order.']),
  }),
  'erp get_purchase_order': order,
  'erp list_purchase_orders': () => ({ status: 'open', limit: 50 }),
  'erp post_adjustment': (random) => ({
    ...order(random),
    amount: `${random.pick(['-', ''])}${random.int(1, 240)}.${random.int(10, 99)}`,
    reason: random.pick(['Rounded by the supplier.', 'Freight was billed apart.', 'A part was sent back.']),
  }),
  'tickets get_ticket': ticket,
  'tickets list_tickets': () => ({ untriaged: true, limit: 25 }),
  'tickets search_tickets': (random) => ({
    query: random.pick(['payment failed', 'cannot sign in', 'slow']),
    limit: 10,
  }),
  'tickets update_ticket': (random) => ({
    ...ticket(random),
    priority: random.pick(['p2', 'p3', 'p3', 'p4']),
    assigned_team: random.pick(teams),
  }),
  'tickets close_ticket': (random) => ({ ...ticket(random), resolution: 'Answered by the help page.' }),
  'crm get_account': account,
  'crm list_accounts': (random) => ({ tier: random.pick(['enterprise', 'business']), limit: 20 }),
  'deploys get_deploy': (random) => ({ deploy_id: commit(random) }),
  'deploys diff_deploys': (random) => ({
    from_deploy_id: commit(random),
    to_deploy_id: commit(random),
    service: random.pick(['edge', 'gateway', 'search']),
  }),
  'deploys list_deploys': (random) => ({ environment: 'production', limit: random.pick([20, 50]) }),
  'deploys record_deploy': (random) => recordedDeploy(random, 'edge'),
  'deploys rollback': (random) => ({ deploy_id: commit(random), reason: 'Errors went up after it.' }),
  'billing-db query': (random) => ({ view: random.pick(['invoices', 'accounts']), limit: 100 }),
  'billing-db delete_account': (random) => ({ ...account(random), reason: 'A test account that was charged back.' }),
}

/** Drawn anew for each call. */
export function argumentsFor(random: Random, call: { agentId: string; server: string; tool: string }): object {
  const key = `${call.server} ${call.tool}`
  return (argumentsOfAgents[call.agentId]?.tools[key] ?? argumentsOfTools[key]!)(random)
}

function invoice(random: Random): object {
  return { invoice_id: `INV-${random.int(10_001, 10_640)}` }
}

function order(random: Random): object {
  return { po_number: `PO-${random.int(40_001, 40_640)}` }
}

function ticket(random: Random): object {
  return { ticket_id: `TIC-${random.int(3001, 3400)}` }
}

function account(random: Random): object {
  return { account_id: `ACC-${random.int(2001, 2120)}` }
}

function recordedDeploy(random: Random, service: string): object {
  return {
    service,
    version: `4.${random.int(0, 30)}.${random.int(0, 9)}`,
    environment: random.pick(['staging', 'staging', 'production']),
    deployed_by: 'Release notes',
    replicas: random.int(3, 12),
    changes: [{ type: 'internal', text: 'Notes were published', ticket: null }],
  }
}

function commit(random: Random): string {
  return Array.from({ length: 40 }, () => random.int(0, 15).toString(16)).join('')
}
