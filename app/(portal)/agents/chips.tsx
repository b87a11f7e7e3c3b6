import { X } from 'lucide-react'
import Link from 'next/link'
import { paths } from '#lib/core/paths.ts'
import type { AgentListQuery } from '#lib/registry/schema.ts'
import { catalogHref, filtersOf } from './catalog-query.ts'

/** The filters in force, each with a way out. */
export function Chips({ query }: { query: AgentListQuery }) {
  const filters = Object.entries(filtersOf(query))
  if (filters.length === 0) return null
  return (
    <ul aria-label="Filters in force" className="mb-3 flex flex-wrap items-center gap-1.5">
      {filters.map(([key, value]) => (
        <li key={key}>
          <Link
            href={catalogHref(query, { [key]: undefined, ...(key === 'q' ? { q: '' } : {}) })}
            scroll={false}
            className="inline-flex h-7 items-center gap-1.5 rounded-md border bg-raised px-2 text-[13px] hover:bg-muted"
          >
            <span className="text-muted-foreground">{key === 'q' ? 'search' : key}:</span>{' '}
            {String(value).replaceAll(',', ', ')}
            <X className="size-3.5" aria-hidden />
            <span className="sr-only">Take this filter away</span>
          </Link>
        </li>
      ))}
      {filters.length > 1 && (
        <li>
          <Link href={paths.agents()} className="px-1 text-[13px] text-accent hover:underline">
            Clear all
          </Link>
        </li>
      )}
    </ul>
  )
}
