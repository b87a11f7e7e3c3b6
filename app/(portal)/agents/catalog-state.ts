import type { Actor } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { storableText } from '#lib/core/storable.ts'
import { filterKeys } from '#lib/registry/rules.ts'
import { type CatalogColumn, catalogColumns, defaultColumns } from '#lib/registry/schema/columns.ts'
import type { CatalogViewRow, ViewState } from '#lib/registry/schema/views.ts'
import { readSearch, type SearchParams } from '#lib/web/search.ts'
import { asOneQuery, catalogSearch, type CatalogState } from './catalog-query.ts'
import type { Layout } from './parse-layout.ts'

export type Resolved = {
  state: CatalogState
  view: CatalogViewRow | null
  /** The state differs from what the view keeps. */
  dirty: boolean
}

/**
 * What the page shows: what the address says, else what the view in it keeps, else, for an address that says nothing, what the person's
 * role begins with. Columns nobody asked for are as they were left. Throws `invalid` for an address that cannot be read: any part of it
 * left out would list other agents than were asked for.
 */
export async function resolveState(
  searchParams: SearchParams,
  { views, actor, layout }: { views: readonly CatalogViewRow[]; actor: Actor; layout: Layout },
): Promise<Resolved> {
  const said = Object.keys(await searchParams)
  const read = await readSearch(catalogSearch, searchParams)
  if (!read.ok) throw new DomainError('invalid', read.error)
  const given = read.value
  const start = startView(views, actor)
  const view = views.find(({ id }) => id === given.view) ?? (said.length === 0 ? start : null)
  const says = (...keys: readonly string[]) => keys.some((key) => said.includes(key))
  if (given.view !== undefined && view === null && !says('q', ...filterKeys)) {
    throw new DomainError(
      'invalid',
      'The view of this address is not there: it was deleted, or is not shared with you.',
    )
  }
  const base: ViewState | null = view?.state ?? null
  const asked = asOneQuery(given)
  const { q } = base !== null && !says('q', ...filterKeys) ? base : asked
  const { sort, order } = base !== null && !says('sort', 'order') ? base : asked
  const columns = inOrder(given.columns?.split(',') ?? base?.columns ?? layout.columns ?? defaultColumns)
  const density = given.density ?? base?.density ?? layout.density ?? 'normal'
  const state: CatalogState = { q, sort, order, limit: given.limit, cursor: given.cursor, asOf: given.asOf, columns, density, view: view?.id, hasDefault: start !== null } // prettier-ignore
  const dirty = base !== null && keptOf(state) !== keptOf(base)
  return { state, view, dirty }
}

const looks = ['view', 'sort', 'order', 'columns', 'density'] as const

/**
 * What goes along when the text of a search is corrected: how the list is to look, as far as it can be read, and what narrows it beside the
 * text, as it was given, because without that the correction would list more.
 */
export async function besidesText(searchParams: SearchParams): Promise<Record<string, string>> {
  const given = Object.entries(await searchParams).map(([key, value]) => [key, textOf(value)] as const)
  const along = new Set<string>([...filterKeys, 'asOf', ...looks.filter((key) => isRead(key, given))])
  return Object.fromEntries(given.filter(([key, text]) => along.has(key) && text !== ''))
}

/** A parameter as text that can be shown, also one that is given twice. */
export function textOf(value: string | string[] | undefined): string {
  return storableText([value ?? ''].flat().join(','))
}

function isRead(key: (typeof looks)[number], given: readonly (readonly [string, string])[]): boolean {
  return catalogSearch.shape[key].safeParse(new Map(given).get(key)).success
}

/** The part of a state that a view keeps, to compare. */
function keptOf({
  q,
  sort,
  order,
  columns,
  density,
}: Omit<ViewState, 'columns'> & { columns: readonly CatalogColumn[] }): string {
  return JSON.stringify([q, sort, order, inOrder(columns), density])
}

function startView(views: readonly CatalogViewRow[], actor: Actor): CatalogViewRow | null {
  const roles = actor.kind === 'person' ? actor.roles : []
  return views.find(({ defaultFor }) => defaultFor.some((role) => roles.includes(role))) ?? null
}

/** One order for screen, dialog and table, whoever wrote the columns down; unknown ones are left out, the agent itself is always shown. */
function inOrder(columns: readonly string[]): CatalogColumn[] {
  return catalogColumns.filter((column) => column === 'agent' || columns.includes(column))
}
