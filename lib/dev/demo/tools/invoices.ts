import { z } from 'zod'
import { day, decimalAmount, pageInput, pageOutput } from '../paging.ts'
import { toolSpec } from '../tool.ts'

const invoiceId = z
  .string()
  .regex(/^INV-\d{5}$/)
  .describe('Our invoice id, for example INV-10042.')

export const invoice = z.object({
  id: z.string(),
  supplier_id: z.string(),
  supplier_name: z.string(),
  supplier_reference: z.string().describe("The supplier's own invoice number."),
  po_number: z.string().describe('The purchase order it refers to; empty when the supplier gave none.'),
  item: z.string(),
  quantity: z.int(),
  unit_price: decimalAmount,
  amount: decimalAmount.describe('The amount billed, net.'),
  currency: z.string(),
  issued_on: z.string(),
  due_on: z.string(),
  status: z.enum(['received', 'approved', 'paid']),
  flag: z.object({ reason: z.string(), flagged_at: z.string() }).nullable(),
})

export const invoicesTools = {
  list_invoices: toolSpec({
    class: 'read',
    title: 'List invoices',
    description:
      'Supplier invoices, oldest first, one page at a time. Amounts are decimal strings in the currency of the invoice.',
    input: z.strictObject({
      status: z.enum(['received', 'approved', 'paid']).optional(),
      supplier_id: z.string().max(20).optional(),
      currency: z.string().length(3).optional(),
      flagged: z.boolean().optional().describe('Only flagged, or only unflagged, invoices.'),
      issued_from: day.optional(),
      issued_to: day.optional(),
      ...pageInput,
    }),
    output: z.object({ invoices: z.array(invoice), ...pageOutput }),
  }),
  get_invoice: toolSpec({
    class: 'read',
    title: 'Get an invoice',
    description: 'One invoice by its id.',
    input: z.strictObject({ invoice_id: invoiceId }),
    output: z.object({ invoice }),
  }),
  flag_invoice: toolSpec({
    class: 'write',
    title: 'Flag an invoice',
    description: 'Marks an invoice for a person to look at, with a reason. It is not paid while it is flagged.',
    input: z.strictObject({ invoice_id: invoiceId, reason: z.string().min(3).max(500) }),
    output: z.object({ invoice }),
  }),
  delete_invoice: toolSpec({
    class: 'destructive',
    title: 'Delete an invoice',
    description: 'Removes an invoice for good. There is no way back.',
    input: z.strictObject({ invoice_id: invoiceId, reason: z.string().min(3).max(500) }),
    output: z.object({ deleted: z.string() }),
  }),
}
