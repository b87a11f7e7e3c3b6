import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { z } from 'zod'
import { loadOrders } from '../data/load.ts'
import { pageOf } from '../paging.ts'
import { createJsonStore } from '../store.ts'
import { type Handlers, ToolRefusal } from '../tool.ts'
import type { erpTools } from '../tools/erp.ts'

const adjustment = z.object({ id: z.string(), amount: z.string(), reason: z.string(), posted_at: z.string() })
const content = z.object({
  adjustments: z.record(z.string(), z.array(adjustment)).default({}),
  cancelled: z.record(z.string(), z.string()).default({}),
})
type Written = z.output<typeof content>
type Order = ReturnType<typeof loadOrders>[number]

/** The committed CSV with what was written since laid over it, kept in `erp.json` of the data folder. */
export function erpHandlers(options: { folder: string; now: () => Date }): Handlers<typeof erpTools> {
  const base = loadOrders()
  const known = new Map(base.map((row) => [row.po_number, row]))
  const store = createJsonStore(join(options.folder, 'erp.json'), content)

  function find(written: Written, number: string) {
    const row = known.get(number)
    if (!row) throw new ToolRefusal(`There is no purchase order ${number}.`)
    return view(written, row)
  }

  return {
    async list_purchase_orders({ status, supplier_id, cost_center, ordered_from, ordered_to, ...page }) {
      const written = await store.read()
      const rows = base
        .map((row) => view(written, row))
        .filter((row) => status === undefined || row.status === status)
        .filter((row) => supplier_id === undefined || row.supplier_id === supplier_id)
        .filter((row) => cost_center === undefined || row.cost_center === cost_center)
        .filter((row) => ordered_from === undefined || row.ordered_on >= ordered_from)
        .filter((row) => ordered_to === undefined || row.ordered_on <= ordered_to)
      const { rows: shown, ...rest } = pageOf(rows, page)
      return { purchase_orders: shown, ...rest }
    },
    async get_purchase_order({ po_number }) {
      return { purchase_order: find(await store.read(), po_number) }
    },
    post_adjustment({ po_number, amount, reason }) {
      return store.update((written) => {
        if (find(written, po_number).status === 'cancelled') throw new ToolRefusal(`${po_number} is cancelled.`)
        const entry = { id: randomUUID(), amount, reason, posted_at: options.now().toISOString() }
        written.adjustments[po_number] = [...(written.adjustments[po_number] ?? []), entry]
        return { purchase_order: find(written, po_number) }
      })
    },
    cancel_purchase_order({ po_number, reason }) {
      return store.update((written) => {
        if (find(written, po_number).status !== 'open')
          throw new ToolRefusal(`Only an open order can be cancelled; ${po_number} is not.`)
        written.cancelled[po_number] = reason
        return { purchase_order: find(written, po_number) }
      })
    },
  }
}

function view(written: Written, row: Order) {
  const status = row.po_number in written.cancelled ? ('cancelled' as const) : row.status
  return { ...row, status, adjustments: written.adjustments[row.po_number] ?? [] }
}
