import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'
import { z } from 'zod'
import type { Account, Contact } from './crm-data.ts'
import type { DeployRecord } from './deploys-data.ts'
import type { Ticket } from './tickets-data.ts'

const money = z.string().regex(/^\d+\.\d{2}$/)
const invoiceRow = z.strictObject({
  id: z.string(),
  supplier_id: z.string(),
  supplier_name: z.string(),
  supplier_reference: z.string(),
  po_number: z.string(),
  item: z.string(),
  quantity: z.coerce.number().int(),
  unit_price: money,
  amount: money,
  currency: z.string(),
  issued_on: z.string(),
  due_on: z.string(),
  status: z.enum(['received', 'approved', 'paid']),
})
const orderRow = z.strictObject({
  po_number: z.string(),
  supplier_id: z.string(),
  supplier_name: z.string(),
  item: z.string(),
  quantity: z.coerce.number().int(),
  unit_price: money,
  amount: money,
  currency: z.string(),
  cost_center: z.string(),
  ordered_on: z.string(),
  status: z.enum(['open', 'received', 'cancelled']),
})

/** The committed invoices. The list of planted discrepancies is not loaded here or anywhere else outside of tests. */
export function loadInvoices() {
  return z.array(invoiceRow).parse(parse(readData('invoices.csv'), { columns: true }))
}

export function loadOrders() {
  return z.array(orderRow).parse(parse(readData('purchase-orders.csv'), { columns: true }))
}

// The JSON files are written by generate.ts from these very types, and a test compares them with its output.
export function loadCrm(): { accounts: Account[]; contacts: Contact[] } {
  return JSON.parse(readData('crm.json')) as { accounts: Account[]; contacts: Contact[] }
}

export function loadTickets(): Ticket[] {
  return JSON.parse(readData('tickets.json')) as Ticket[]
}

export function loadDeploys(): DeployRecord[] {
  return JSON.parse(readData('deploys.json')) as DeployRecord[]
}

function readData(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8')
}
