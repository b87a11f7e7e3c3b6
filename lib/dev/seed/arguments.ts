import type { Random } from '../demo/data/random.ts'

type Call = (random: Random) => object

/** Whose calls' arguments are known, and what they are like, by server and tool; of other demo agents nothing is, as of calls before anybody looked at them. */
export const argumentsOfAgents: Record<string, { sinceDaysAgo?: number; tools: Record<string, Call> }> = {
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
  // Too little yet: a broker looks at its arguments for six days.
  'invoice-reconciler-benelux': {
    sinceDaysAgo: 6,
    tools: {
      'invoices get_invoice': invoice,
      'invoices list_invoices': () => ({ currency: 'EUR', status: 'received', limit: 50 }),
      'erp get_purchase_order': order,
      'erp list_purchase_orders': () => ({ status: 'open', limit: 50 }),
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
      'deploys record_deploy': (random) => ({
        service: 'payments-api',
        version: `4.${random.int(0, 30)}.${random.int(0, 9)}`,
        environment: random.pick(['staging', 'staging', 'production']),
        deployed_by: 'Release notes',
        replicas: random.int(3, 12),
        changes: [{ type: 'internal', text: 'Notes were published', ticket: null }],
      }),
    },
  },
}

function invoice(random: Random): object {
  return { invoice_id: `INV-${random.int(10_001, 10_640)}` }
}

function order(random: Random): object {
  return { po_number: `PO-${random.int(40_001, 40_640)}` }
}

function commit(random: Random): string {
  return Array.from({ length: 40 }, () => random.int(0, 15).toString(16)).join('')
}
