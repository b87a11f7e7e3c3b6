import { join } from 'node:path'
import { z } from 'zod'
import { loadInvoices } from '../data/load.ts'
import { pageOf } from '../paging.ts'
import { createJsonStore } from '../store.ts'
import { type Handlers, ToolRefusal } from '../tool.ts'
import type { invoicesTools } from '../tools/invoices.ts'

const content = z.object({
  flags: z.record(z.string(), z.object({ reason: z.string(), flagged_at: z.string() })).default({}),
  deleted: z.array(z.string()).default([]),
})

/** The committed CSV with what was written since laid over it, kept in `invoices.json` of the data folder. */
export function invoicesHandlers(options: { folder: string; now: () => Date }): Handlers<typeof invoicesTools> {
  const base = loadInvoices()
  const known = new Map(base.map((row) => [row.id, row]))
  const store = createJsonStore(join(options.folder, 'invoices.json'), content)

  function find(written: z.output<typeof content>, id: string) {
    const row = known.get(id)
    if (!row || written.deleted.includes(id)) throw new ToolRefusal(`There is no invoice ${id}.`)
    return { ...row, flag: written.flags[id] ?? null }
  }

  return {
    async list_invoices({ status, supplier_id, currency, flagged, issued_from, issued_to, ...page }) {
      const written = await store.read()
      const rows = base
        .filter((row) => !written.deleted.includes(row.id))
        .filter((row) => status === undefined || row.status === status)
        .filter((row) => supplier_id === undefined || row.supplier_id === supplier_id)
        .filter((row) => currency === undefined || row.currency === currency)
        .filter((row) => flagged === undefined || flagged === row.id in written.flags)
        .filter((row) => issued_from === undefined || row.issued_on >= issued_from)
        .filter((row) => issued_to === undefined || row.issued_on <= issued_to)
      const { rows: shown, ...rest } = pageOf(rows, page)
      return { invoices: shown.map((row) => ({ ...row, flag: written.flags[row.id] ?? null })), ...rest }
    },
    async get_invoice({ invoice_id }) {
      return { invoice: find(await store.read(), invoice_id) }
    },
    flag_invoice({ invoice_id, reason }) {
      return store.update((written) => {
        find(written, invoice_id)
        written.flags[invoice_id] = { reason, flagged_at: options.now().toISOString() }
        return { invoice: find(written, invoice_id) }
      })
    },
    delete_invoice({ invoice_id }) {
      return store.update((written) => {
        find(written, invoice_id)
        written.deleted.push(invoice_id)
        return { deleted: invoice_id }
      })
    },
  }
}
