import { cookies } from 'next/headers'
import type { Actor } from '#lib/auth/ctx.ts'
import { type CatalogColumn, catalogColumns, defaultColumns } from '#lib/registry/schema/columns.ts'
import type { CatalogViewRow, ViewState } from '#lib/registry/schema/views.ts'
import { parseSearch, type SearchParams } from '#lib/web/search.ts'
import { asOneQuery, catalogSearch, type CatalogState } from './catalog-query.ts'
import { layoutCookie } from './layout-cookie.ts'
import { type Layout, parseLayout } from './parse-layout.ts'

export type Resolved = {
  state: CatalogState
  view: CatalogViewRow | null
  /** The state differs from what the view keeps. */
  dirty: boolean
  layout: Layout
}

/**
 * What the page shows: what the address says, else what the view in it keeps, else, for an address that says nothing, what the person's
 * role begins with. Columns and widths nobody asked for are as they were left. Throws `invalid` for a query that cannot be read.
 */
export async function resolveState(
  searchParams: SearchParams,
  { views, actor }: { views: readonly CatalogViewRow[]; actor: Actor },
): Promise<Resolved> {
  const layout = parseLayout((await cookies()).get(layoutCookie)?.value)
  const said = Object.keys(await searchParams)
  const given = await parseSearch(catalogSearch, searchParams)
  const start = startView(views, actor)
  const view = views.find(({ id }) => id === given.view) ?? (said.length === 0 ? start : null)
  const base: ViewState | null = view?.state ?? null
  const fromView = base !== null && said.every((key) => key === 'view')
  const { q, sort, order } = fromView ? base : asOneQuery(given)
  const columns = fromView
    ? base.columns
    : (columnsOf(given.columns) ?? base?.columns ?? layout.columns ?? [...defaultColumns])
  const density = fromView ? base.density : (given.density ?? base?.density ?? layout.density ?? 'normal')
  const state: CatalogState = { q, sort, order, limit: given.limit, cursor: given.cursor, asOf: given.asOf, columns, density, view: view?.id, hasDefault: start !== null } // prettier-ignore
  const dirty = base !== null && keptOf(state) !== keptOf(base)
  return { state, view, dirty, layout }
}

/** The part of a state that a view keeps, to compare. */
function keptOf({
  q,
  sort,
  order,
  columns,
  density,
}: Omit<ViewState, 'columns'> & { columns: readonly CatalogColumn[] }): string {
  return JSON.stringify([q, sort, order, columns, density])
}

function startView(views: readonly CatalogViewRow[], actor: Actor): CatalogViewRow | null {
  const roles = actor.kind === 'person' ? actor.roles : []
  return views.find(({ defaultFor }) => defaultFor.some((role) => roles.includes(role))) ?? null
}

function columnsOf(text: string | undefined): CatalogColumn[] | null {
  const asked = new Set(text?.split(','))
  const known = catalogColumns.filter((column) => column === 'agent' || asked.has(column))
  return text === undefined ? null : known
}
