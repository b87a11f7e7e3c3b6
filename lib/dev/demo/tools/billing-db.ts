import { z } from 'zod'
import { decimalAmount } from '../paging.ts'
import { toolSpec } from '../tool.ts'

const accountId = z
  .string()
  .regex(/^ACC-\d{4}$/)
  .describe('The id of an account, for example ACC-2007.')

/** The views that may be read, with their columns: the query tool builds its SELECT from these names only. */
export const billingViews = {
  accounts: ['account_id', 'name', 'plan', 'status', 'balance', 'currency', 'opened_on'],
  invoices: ['invoice_id', 'account_id', 'period', 'amount', 'currency', 'paid_on'],
  credits: ['credit_id', 'account_id', 'amount', 'reason', 'applied_at'],
  revenue_by_month: ['period', 'currency', 'invoices', 'billed', 'paid'],
} as const

const scalar = z.union([z.string().max(200), z.number(), z.boolean()])

export const billingTools = {
  query: toolSpec({
    class: 'read',
    title: 'Query billing',
    description: `Reads one view of the billing database in a read-only transaction. Views and columns: ${Object.entries(
      billingViews,
    )
      .map(([view, columns]) => `${view} (${columns.join(', ')})`)
      .join('; ')}.`,
    input: z.strictObject({
      view: z.enum(['accounts', 'invoices', 'credits', 'revenue_by_month']),
      columns: z.array(z.string().max(40)).max(10).optional().describe('Leave out for all.'),
      where: z
        .array(
          z.strictObject({
            column: z.string().max(40),
            is: z.enum(['=', '<>', '<', '<=', '>', '>=', 'like', 'null', 'not null']),
            value: scalar.optional(),
          }),
        )
        .max(10)
        .default([])
        .describe('All of them must hold.'),
      order_by: z.strictObject({ column: z.string().max(40), descending: z.boolean().default(false) }).optional(),
      limit: z.int().min(1).max(500).default(100),
    }),
    output: z.object({ rows: z.array(z.record(z.string(), z.union([scalar, z.null()]))), truncated: z.boolean() }),
  }),
  apply_credit: toolSpec({
    class: 'write',
    title: 'Apply a credit',
    description: 'Credits an amount to an account: it lowers what the customer owes.',
    input: z.strictObject({
      account_id: accountId,
      amount: decimalAmount.describe('A positive decimal string, for example 25.00, at most 10000.00.'),
      reason: z.string().min(3).max(500),
    }),
    output: z.object({ credit_id: z.string(), balance: z.string() }),
  }),
  delete_account: toolSpec({
    class: 'destructive',
    title: 'Delete an account',
    description: 'Deletes a billing account with its invoices and credits for good.',
    input: z.strictObject({ account_id: accountId, reason: z.string().min(3).max(500) }),
    output: z.object({ deleted: z.string() }),
  }),
}
