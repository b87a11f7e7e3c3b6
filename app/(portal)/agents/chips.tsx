import { X } from 'lucide-react'
import Link from 'next/link'
import { formatAgentQuery, printNode, queryOf } from '#lib/registry/rules.ts'
import { catalogHref, type CatalogState } from './catalog-query.ts'

/** What must hold, part by part, each with a way out. */
export function Chips({ query }: { query: CatalogState }) {
  const { items } = queryOf(query)
  if (items.length === 0) return null
  return (
    <ul aria-label="Filters in force" className="mb-3 flex flex-wrap items-center gap-1.5">
      {items.map((item, at) => (
        // Two words may be equal.
        // oxlint-disable-next-line react/no-array-index-key
        <li key={`${printNode(item)} ${at}`}>
          <Link
            href={catalogHref(query, { q: formatAgentQuery({ kind: 'and', items: items.toSpliced(at, 1) }) })}
            scroll={false}
            prefetch={false}
            className="inline-flex min-h-7 items-center gap-1.5 rounded-md border bg-raised px-2 text-[13px] break-all hover:bg-muted"
          >
            {printNode(item)}
            <X className="size-3.5 shrink-0" aria-hidden />
            <span className="sr-only">Take this filter away</span>
          </Link>
        </li>
      ))}
      {items.length > 1 && (
        <li>
          <Link
            href={catalogHref(query, { q: '' })}
            prefetch={false}
            className="px-1 text-[13px] text-accent hover:underline"
          >
            Clear all
          </Link>
        </li>
      )}
    </ul>
  )
}
