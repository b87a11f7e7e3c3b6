import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { buildCrm } from './crm-data.ts'
import { buildDeploys } from './deploys-data.ts'
import { buildInvoicesAndOrders } from './invoices-data.ts'
import { buildTickets } from './tickets-data.ts'

/** Every committed data file by name, as text; a test compares them with what is committed. */
export function demoDataFiles(): Record<string, string> {
  const { orders, invoices, planted } = buildInvoicesAndOrders()
  const crm = buildCrm()
  const tickets = buildTickets(crm)
  return {
    'invoices.csv': csv(
      invoices.map(({ unit_cents, amount_cents, currency, ...row }) => {
        const { issued_on, due_on, status, ...head } = row
        return {
          ...head,
          unit_price: decimal(unit_cents),
          amount: decimal(amount_cents),
          currency,
          issued_on,
          due_on,
          status,
        }
      }),
    ),
    'purchase-orders.csv': csv(
      orders.map(({ unit_cents, currency, cost_center, ordered_on, status, ...head }) => {
        const amount = decimal(unit_cents * head.quantity)
        return { ...head, unit_price: decimal(unit_cents), amount, currency, cost_center, ordered_on, status }
      }),
    ),
    'planted.json': json(planted),
    'crm.json': json(crm),
    'tickets.json': json(tickets),
    'deploys.json': json(buildDeploys(tickets)),
  }
}

function csv(rows: readonly Record<string, string | number>[]): string {
  const columns = Object.keys(rows[0]!)
  const lines = rows.map((row) => columns.map((column) => quoted(String(row[column]))).join(','))
  return `${[columns.join(','), ...lines].join('\n')}\n`
}

function quoted(value: string): string {
  return /[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 1)}\n`
}

function decimal(cents: number): string {
  return (cents / 100).toFixed(2)
}

if (import.meta.main) {
  for (const [name, text] of Object.entries(demoDataFiles()))
    writeFileSync(fileURLToPath(new URL(name, import.meta.url)), text)
}
