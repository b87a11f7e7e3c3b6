import { createRandom, type Random } from './random.ts'
import { suppliers, type Supplier } from './suppliers.ts'

export type OrderRow = {
  po_number: string
  supplier_id: string
  supplier_name: string
  item: string
  quantity: number
  unit_cents: number
  currency: string
  cost_center: string
  ordered_on: string
  status: string
}
export type InvoiceRow = {
  id: string
  supplier_id: string
  supplier_name: string
  supplier_reference: string
  po_number: string
  item: string
  quantity: number
  unit_cents: number
  amount_cents: number
  currency: string
  issued_on: string
  due_on: string
  status: string
}
export type PlantedKind =
  | 'amount_mismatch'
  | 'missing_po'
  | 'duplicate_invoice'
  | 'wrong_currency'
  | 'wrong_supplier'
  | 'quantity_difference'
export type Planted = { kind: PlantedKind; invoice_id: string; po_number: string; note: string }

type Draft = Omit<InvoiceRow, 'id'> & { planted?: { kind: PlantedKind; note: string }; partial?: boolean }

const orderCount = 404
const partialOrders = 16
const openOrders = 24

/**
 * 400 invoices over 404 orders: 24 orders are not invoiced yet and 16 are invoiced in two honest parts. Of the invoices, 12 are wrong in one way each;
 * a few more are off by a cent or two, which a matcher with a tolerance must let pass.
 */
export function buildInvoicesAndOrders(seed = 20_261_115): {
  orders: OrderRow[]
  invoices: InvoiceRow[]
  planted: Planted[]
} {
  const random = createRandom(seed)
  const orders = Array.from({ length: orderCount }, (_, index) => buildOrder(index, random))
  const order = random.shuffled(orders.keys().toArray())
  const open = new Set(order.slice(0, openOrders))
  const partial = new Set(
    order.filter((index) => orders[index]!.quantity >= 4 && !open.has(index)).slice(0, partialOrders),
  )
  const references = new Map<string, number>()

  const drafts: Draft[] = []
  for (const [index, purchase] of orders.entries()) {
    if (open.has(index)) continue
    purchase.status = 'received'
    if (!partial.has(index)) drafts.push(buildInvoice(purchase, purchase.quantity, { random, references }))
    else {
      const first = random.int(1, purchase.quantity - 1)
      for (const quantity of [first, purchase.quantity - first])
        drafts.push({ ...buildInvoice(purchase, quantity, { random, references }), partial: true })
    }
  }
  plant(drafts, { random, references, orders })

  drafts.sort((a, b) => (a.issued_on + a.supplier_reference < b.issued_on + b.supplier_reference ? -1 : 1))
  const invoices: InvoiceRow[] = []
  const planted: Planted[] = []
  for (const [index, { planted: wrong, partial: _, ...draft }] of drafts.entries()) {
    const id = `INV-${10_001 + index}`
    invoices.push({ id, ...draft })
    if (wrong) planted.push({ kind: wrong.kind, invoice_id: id, po_number: draft.po_number, note: wrong.note })
  }
  return { orders, invoices, planted }
}

function buildOrder(index: number, random: Random): OrderRow {
  const supplier = random.pick(suppliers)
  const line = random.pick(supplier.items)
  return {
    po_number: `PO-${40_001 + index}`,
    supplier_id: supplier.id,
    supplier_name: supplier.name,
    item: line.item,
    quantity: random.int(...line.quantity),
    unit_cents: random.int(...line.unitCents),
    currency: supplier.currency,
    cost_center: `CC-${random.int(10, 23)}00`,
    ordered_on: addDays('2026-07-20', Math.floor((index * 95) / orderCount)),
    status: 'open',
  }
}

type Sources = { random: Random; references: Map<string, number> }

function buildInvoice(purchase: OrderRow, quantity: number, { random, references }: Sources): Draft {
  const supplier = suppliers.find((candidate) => candidate.id === purchase.supplier_id)!
  const issued = addDays(purchase.ordered_on, random.int(6, 24))
  const noise = random.chance(0.03) ? random.pick([-2, -1, 1, 2]) : 0
  return {
    supplier_id: supplier.id,
    supplier_name: supplier.name,
    supplier_reference: nextReference(supplier, references),
    po_number: purchase.po_number,
    item: purchase.item,
    quantity,
    unit_cents: purchase.unit_cents,
    amount_cents: quantity * purchase.unit_cents + noise,
    currency: purchase.currency,
    issued_on: issued,
    due_on: addDays(issued, 30),
    status: issued < '2026-09-20' ? 'paid' : issued < '2026-10-20' ? 'approved' : 'received',
  }
}

function nextReference(supplier: Supplier, references: Map<string, number>): string {
  const number = (references.get(supplier.id) ?? 2600) + 1
  references.set(supplier.id, number)
  return `${supplier.prefix}-${number}`
}

function plant(drafts: Draft[], { random, references, orders }: Sources & { orders: OrderRow[] }): void {
  const candidates = random.shuffled(drafts.filter((draft) => !draft.partial && draft.quantity >= 3))
  const take = () => candidates.pop()!

  for (const percent of [12, -8, 35]) {
    const invoice = take()
    const right = invoice.unit_cents
    invoice.unit_cents = Math.round((right * (100 + percent)) / 100)
    invoice.amount_cents = invoice.quantity * invoice.unit_cents
    invoice.planted = {
      kind: 'amount_mismatch',
      note: `unit price ${percent > 0 ? '+' : ''}${percent} % against the order`,
    }
  }
  for (const extra of [2, 5]) {
    const invoice = take()
    invoice.quantity += extra
    invoice.amount_cents = invoice.quantity * invoice.unit_cents
    invoice.planted = { kind: 'quantity_difference', note: `${extra} more billed than ordered` }
  }
  for (let count = 0; count < 2; count += 1) {
    const invoice = take()
    const ordered = invoice.currency
    invoice.currency = ordered === 'USD' ? 'EUR' : 'USD'
    invoice.planted = { kind: 'wrong_currency', note: `ordered in ${ordered}` }
  }
  const stranger = take()
  const other = random.pick(
    suppliers.filter((supplier) => supplier.id !== stranger.supplier_id && supplier.currency === stranger.currency),
  )
  stranger.planted = { kind: 'wrong_supplier', note: `ordered from ${stranger.supplier_id}` }
  Object.assign(stranger, {
    supplier_id: other.id,
    supplier_name: other.name,
    supplier_reference: nextReference(other, references),
  })
  for (const missing of [`PO-${40_001 + orders.length + 37}`, '']) {
    const model = random.pick(orders)
    const invoice = buildInvoice(model, random.int(3, 12), { random, references })
    invoice.amount_cents = invoice.quantity * invoice.unit_cents
    drafts.push({
      ...invoice,
      po_number: missing,
      planted: { kind: 'missing_po', note: missing ? 'no such order' : 'no order number given' },
    })
  }
  for (let count = 0; count < 2; count += 1) {
    const original = take()
    const issued = addDays(original.issued_on, random.int(4, 15))
    drafts.push({
      ...original,
      issued_on: issued,
      due_on: addDays(issued, 30),
      status: 'received',
      planted: { kind: 'duplicate_invoice', note: `same supplier reference ${original.supplier_reference}` },
    })
  }
}

function addDays(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10)
}
