import { paths } from '#lib/core/paths.ts'
import { formatAgentQuery, queryOf, toggleValue } from '#lib/registry/rules.ts'
import type { AgentListQuery, FacetKey } from '#lib/registry/schema.ts'
import { hrefWith } from '#lib/web/search.ts'

const defaults = { sort: 'id', order: 'asc', limit: 50, q: '' } as const
const listKeys = new Set(['sort', 'order', 'limit', 'cursor'])

/** The query as the page shows it: filters given beside the search text become part of it. Throws `invalid`. */
export function asOneQuery(query: AgentListQuery): AgentListQuery {
  const { sort, order, limit, cursor } = query
  return { q: formatAgentQuery(queryOf(query)), sort, order, limit, cursor }
}

/** The catalog with a changed query; the cursor belongs to the old one and is dropped, defaults stay out of the address. */
export function catalogHref(query: AgentListQuery, changes: Partial<AgentListQuery>): string {
  const next = { ...query, ...changes, cursor: undefined }
  const shown = Object.entries(next).filter(([key, value]) => (defaults as Record<string, unknown>)[key] !== value)
  return hrefWith(paths.agents(), Object.fromEntries(shown))
}

/** The catalog with one value of a facet switched on or off. */
export function toggleHref(query: AgentListQuery, key: FacetKey, value: string): string {
  return catalogHref(query, { q: formatAgentQuery(toggleValue(queryOf(query), key, value)) })
}

/** What narrows the list, without order and paging. */
export function filtersOf(query: AgentListQuery): Partial<AgentListQuery> {
  return Object.fromEntries(
    Object.entries(query).filter(([key, value]) => !listKeys.has(key) && value !== undefined && value !== ''),
  )
}
