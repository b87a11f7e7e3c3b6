import { z } from 'zod'
import { roles } from '#lib/auth/permissions.ts'
import { agentSorts, queryLengthMax } from './catalog.ts'
import { catalogColumns, defaultColumns } from './columns.ts'
import { oneLine } from './words.ts'
import { timeText } from '#lib/core/instant.ts'

/** What a view keeps: everything about the list but the page and the selection. */
export const viewState = z.strictObject({
  q: z.string().max(queryLengthMax).default(''),
  sort: z.enum(agentSorts).default('id'),
  order: z.enum(['asc', 'desc']).default('asc'),
  /** The agent itself is always shown. */
  columns: z
    .array(z.enum(catalogColumns))
    .max(catalogColumns.length)
    .default([...defaultColumns]),
  density: z.enum(['normal', 'compact']).default('normal'),
})
export type ViewState = z.infer<typeof viewState>

export const saveViewInput = z.strictObject({
  /** Left out: a new view. */
  id: z.uuid().optional(),
  name: oneLine(60).min(1, 'Give the view a name.'),
  shared: z.boolean().default(false),
  state: viewState,
  /** `savedAt` of what the change began with: what somebody else has saved since is not overwritten. */
  savedAt: timeText({ precision: 3 }).optional(),
})
export type SaveViewInput = z.input<typeof saveViewInput>

export const deleteViewInput = z.strictObject({ id: z.uuid() })
export type DeleteViewInput = z.infer<typeof deleteViewInput>

/** `viewId` null: people of the role begin with all agents. */
export const setDefaultViewInput = z.strictObject({ role: z.enum(roles), viewId: z.uuid().nullable() })
export type SetDefaultViewInput = z.infer<typeof setDefaultViewInput>

export type CatalogViewRow = {
  id: string
  name: string
  shared: boolean
  owner: { id: string; name: string }
  /** May be changed and deleted by who asks. */
  own: boolean
  /** Roles that begin with it. */
  defaultFor: string[]
  savedAt: string
  state: ViewState
}
