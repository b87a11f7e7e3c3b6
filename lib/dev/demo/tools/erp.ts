import { z } from 'zod'
import { day, decimalAmount, pageInput, pageOutput } from '../paging.ts'
import { toolSpec } from '../tool.ts'

const poNumber = z
  .string()
  .regex(/^PO-\d{5}$/)
  .describe('The number of a purchase order, for example PO-40042.')
const orderStatus = z.enum(['open', 'received', 'cancelled'])

export const purchaseOrder = z.object({
  po_number: z.string(),
  supplier_id: z.string(),
  supplier_name: z.string(),
  item: z.string(),
  quantity: z.int(),
  unit_price: decimalAmount,
  amount: decimalAmount,
  currency: z.string(),
  cost_center: z.string(),
  ordered_on: z.string(),
  status: orderStatus,
  adjustments: z.array(z.object({ id: z.string(), amount: decimalAmount, reason: z.string(), posted_at: z.string() })),
})

export const erpTools = {
  list_purchase_orders: toolSpec({
    class: 'read',
    title: 'List purchase orders',
    description:
      'Purchase orders, oldest first, one page at a time. Amounts are decimal strings in the currency of the order.',
    input: z.strictObject({
      status: orderStatus.optional(),
      supplier_id: z.string().max(20).optional(),
      cost_center: z.string().max(20).optional(),
      ordered_from: day.optional(),
      ordered_to: day.optional(),
      ...pageInput,
    }),
    output: z.object({ purchase_orders: z.array(purchaseOrder), ...pageOutput }),
  }),
  get_purchase_order: toolSpec({
    class: 'read',
    title: 'Get a purchase order',
    description: 'One purchase order by its number.',
    input: z.strictObject({ po_number: poNumber }),
    output: z.object({ purchase_order: purchaseOrder }),
  }),
  post_adjustment: toolSpec({
    class: 'write',
    title: 'Post an adjustment',
    description: 'Books a correction on a purchase order. Corrections add up; a wrong one is corrected by another.',
    input: z.strictObject({
      po_number: poNumber,
      amount: decimalAmount.describe('What to add, a decimal string; negative to take away.'),
      reason: z.string().min(3).max(500),
    }),
    output: z.object({ purchase_order: purchaseOrder }),
  }),
  cancel_purchase_order: toolSpec({
    class: 'destructive',
    title: 'Cancel a purchase order',
    description: 'Cancels an order with the supplier for good.',
    input: z.strictObject({ po_number: poNumber, reason: z.string().min(3).max(500) }),
    output: z.object({ purchase_order: purchaseOrder }),
  }),
}
