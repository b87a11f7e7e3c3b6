import { z } from 'zod'
import { catalogColumns } from '#lib/registry/schema/columns.ts'

/** How somebody has arranged the table in this browser. */
const layout = z.object({
  columns: z.array(z.enum(catalogColumns)).optional().catch(undefined),
  density: z.enum(['normal', 'compact']).optional().catch(undefined),
  /** Pixels by column. */
  widths: z.record(z.string(), z.int().min(40).max(1200)).catch({}).default({}),
})
export type Layout = z.infer<typeof layout>

/** What the cookie says as far as it is understood; it comes from the browser. */
export function parseLayout(text: string | undefined): Layout {
  try {
    return layout.parse(JSON.parse(decodeURIComponent(text ?? '{}')))
  } catch {
    return { widths: {} }
  }
}
