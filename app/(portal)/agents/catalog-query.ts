import { paths } from '#lib/core/paths.ts'
import type { AgentListQuery } from '#lib/registry/schema.ts'
import { hrefWith } from '#lib/web/search.ts'

const defaults = { sort: 'id', order: 'asc', limit: 50, q: '' } as const
const listKeys = new Set(['sort', 'order', 'limit', 'cursor'])

/** The catalog with a changed query; the cursor belongs to the old one and is dropped, defaults stay out of the address. */
export function catalogHref(query: AgentListQuery, changes: Partial<AgentListQuery>): string {
  const next = { ...query, ...changes, cursor: undefined }
  const shown = Object.entries(next).filter(([key, value]) => (defaults as Record<string, unknown>)[key] !== value)
  return hrefWith(paths.agents(), Object.fromEntries(shown))
}

/** What narrows the list, without order and paging. */
export function filtersOf(query: AgentListQuery): Partial<AgentListQuery> {
  return Object.fromEntries(
    Object.entries(query).filter(([key, value]) => !listKeys.has(key) && value !== undefined && value !== ''),
  )
}

/** A comma-separated filter with one value switched on or off; undefined when none is left. */
export function toggled(current: string | undefined, value: string): string | undefined {
  const values = current?.split(',') ?? []
  const next = values.includes(value) ? values.filter((other) => other !== value) : [...values, value]
  return next.length > 0 ? next.join(',') : undefined
}
