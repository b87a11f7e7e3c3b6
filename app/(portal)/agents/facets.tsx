import { SlidersHorizontal } from 'lucide-react'
import Link from 'next/link'
import type { ReactNode } from 'react'
import { cn } from '#components/ui/cn.ts'
import { formatCount } from '#components/ui/count.ts'
import { askedValues, queryOf } from '#lib/registry/rules.ts'
import { type AgentFacets, type FacetKey, facetKeys } from '#lib/registry/schema.ts'
import { type CatalogState, toggleHref } from './catalog-query.ts'

const labels: Record<FacetKey, string> = {
  can: 'Can',
  env: 'Environment it reaches',
  data: 'Kind of data it reaches',
  status: 'Status',
  tier: 'Risk tier',
  owner: 'Owner',
  server: 'Server it reaches',
  template: 'Template',
  drift: 'Behind its template',
  overdue: 'Review overdue',
  orphaned: 'Orphaned',
  model: 'Model',
}
const shownMax = 8

/** Filters with counts; each is a link, so the address is the state. On narrow screens they fold away. */
export function Facets({ facets, query }: { facets: AgentFacets; query: CatalogState }) {
  const parsed = queryOf(query)
  const groups = (
    <div className="grid gap-4">
      {facetKeys.map((key) => {
        const asked = new Set(askedValues(parsed, key))
        // What is asked for stays in sight, however few it finds.
        const shown = facets[key].filter(({ value }, at) => at < shownMax || asked.has(value.toLowerCase()))
        const more = facets[key].length - shown.length
        if (shown.length === 0) return null
        return (
          <Group key={key} label={labels[key]}>
            {shown.map(({ value, label, count }) => (
              <Choice
                key={value}
                href={toggleHref(query, key, value)}
                on={asked.has(value.toLowerCase())}
                count={count}
              >
                {label}
              </Choice>
            ))}
            {more > 0 && (
              <li className="px-2 text-xs text-muted-foreground">
                {more} more: type {key}:
              </li>
            )}
          </Group>
        )
      })}
    </div>
  )
  return (
    <aside aria-label="Filters" className="mb-4">
      <details className="rounded-md border bg-raised px-3 py-2 xl:hidden">
        <summary className="flex items-center gap-2 font-medium">
          <SlidersHorizontal className="size-4" aria-hidden /> Filters
        </summary>
        <div className="mt-3">{groups}</div>
      </details>
      <div className="hidden xl:block">{groups}</div>
    </aside>
  )
}

function Group({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div>
      <h2 className="px-2 pb-1 text-xs font-medium text-muted-foreground">{label}</h2>
      <ul aria-label={label}>{children}</ul>
    </div>
  )
}

function Choice({ href, on, count, children }: { href: string; on: boolean; count: number; children: ReactNode }) {
  return (
    <li>
      <Link
        href={href}
        scroll={false}
        prefetch={false}
        aria-current={on ? 'true' : undefined}
        className={cn(
          'flex items-center justify-between gap-2 rounded-md px-2 py-1 hover:bg-muted',
          on && 'bg-accent-soft font-medium text-accent dark:text-foreground',
          count === 0 && !on && 'text-muted-foreground',
        )}
      >
        <span className="min-w-0 truncate">{children}</span>
        <span className="text-xs text-muted-foreground tabular-nums">{formatCount(count)}</span>
      </Link>
    </li>
  )
}
