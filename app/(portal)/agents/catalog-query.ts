import { DomainError } from '#lib/core/errors.ts'
import { paths } from '#lib/core/paths.ts'
import { formatAgentQuery, queryOf, toggleValue } from '#lib/registry/rules.ts'
import { type AgentListQuery, agentListQuery, type FacetKey, queryLengthMax } from '#lib/registry/schema.ts'
import { type CatalogColumn, defaultColumns } from '#lib/registry/schema/columns.ts'
import { z } from 'zod'

/** What the address of the catalog may say. */
export const catalogSearch = agentListQuery.extend({
  view: z.uuid().optional(),
  columns: z.string().max(300).optional(),
  density: z.enum(['normal', 'compact']).optional(),
})

/** Everything that decides what the page shows; the address and the saved views are two ways to write it. */
export type CatalogState = AgentListQuery & {
  columns: readonly CatalogColumn[]
  density: 'normal' | 'compact'
  /** The saved view it began with. */
  view?: string | undefined
  /** The person's role begins with a view, so all agents need an address of their own. */
  hasDefault: boolean
}

/** The query as the page shows it: filters given beside the search text become part of it. Throws `invalid`. */
export function asOneQuery(query: AgentListQuery): AgentListQuery {
  const { sort, order, limit, cursor, asOf } = query
  const q = formatAgentQuery(queryOf(query))
  if (q.length > queryLengthMax) {
    const message = `The search and the filters beside it are longer together than ${queryLengthMax.toLocaleString('en')} characters.`
    throw new DomainError('invalid', message, { field: 'q', rule: 'registry:query' })
  }
  return { q, sort, order, limit, cursor, asOf }
}

/** The catalog with a changed state; the cursor belongs to the old one and is dropped unless given, defaults stay out of the address. */
export function catalogHref(state: CatalogState, changes: Partial<CatalogState>): string {
  const { view, q, sort, order, limit, cursor, asOf, columns, density, hasDefault } = {
    ...state,
    cursor: undefined,
    ...changes,
  }
  const params = new URLSearchParams()
  const set = (name: string, value: string | number | undefined, isDefault: boolean): void => {
    // Beside a view everything is said, because what is left out means what the view says.
    if (value !== undefined && (!isDefault || view !== undefined)) params.set(name, String(value))
  }
  set('view', view, false)
  set('q', q, q === '' && !hasDefault)
  set('sort', sort, sort === 'id')
  set('order', order, order === 'asc')
  set('columns', columns.join(','), columns.join(',') === defaultColumns.join(','))
  set('density', density, density === 'normal')
  if (limit !== 50) params.set('limit', String(limit))
  if (cursor !== undefined) params.set('cursor', cursor)
  if (asOf !== undefined) params.set('asOf', asOf)
  const text = params.toString()
  return text ? `${paths.agents()}?${text}` : paths.agents()
}

/** The catalog with one value of a facet switched on or off. */
export function toggleHref(state: CatalogState, key: FacetKey, value: string): string {
  return catalogHref(state, { q: formatAgentQuery(toggleValue(queryOf(state), key, value)) })
}

/** Which agents are listed, in which order: what an export or a program has to ask for to get the same. Defaults are left out. */
export type CatalogAsked = Partial<Pick<AgentListQuery, 'q' | 'sort' | 'order' | 'asOf'>>

export function askedOf({ q, sort, order, asOf }: CatalogState): CatalogAsked {
  return {
    ...(q === '' ? {} : { q }),
    ...(sort === 'id' ? {} : { sort }),
    ...(order === 'asc' ? {} : { order }),
    ...(asOf === undefined ? {} : { asOf }),
  }
}
