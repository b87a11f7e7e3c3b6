import { SlidersHorizontal } from 'lucide-react'
import Link from 'next/link'
import type { ReactNode } from 'react'
import { cn } from '#components/ui/cn.ts'
import type { AgentFacets, AgentListQuery } from '#lib/registry/schema.ts'
import { environments, toolClasses } from '#lib/registry/schema.ts'
import { catalogHref, toggled } from './catalog-query.ts'

const counted = { status: 'Status', owner: 'Owner', tier: 'Risk tier', template: 'Template' } as const
const shownMax = 12

/** Filters with counts; each is a link, so the address is the state. On narrow screens they fold away. */
export function Facets({ facets, query }: { facets: AgentFacets; query: AgentListQuery }) {
  const groups = (
    <div className="grid gap-4">
      <Group label="Can">
        {toolClasses.map((value) => (
          <Choice
            key={value}
            href={catalogHref(query, { can: query.can === value ? undefined : value })}
            on={query.can === value}
          >
            {value}
          </Choice>
        ))}
      </Group>
      <Group label="Environment">
        {environments.map((value) => (
          <Choice key={value} href={catalogHref(query, { env: toggled(query.env, value) })} on={isOn(query.env, value)}>
            {value}
          </Choice>
        ))}
      </Group>
      {(Object.keys(counted) as (keyof typeof counted)[]).map((key) => (
        <Group key={key} label={counted[key]}>
          {facets[key].slice(0, shownMax).map(({ value, label, count }) => (
            <Choice
              key={value}
              href={catalogHref(query, { [key]: toggled(query[key], value) })}
              on={isOn(query[key], value)}
              count={count}
            >
              {label}
            </Choice>
          ))}
          {facets[key].length > shownMax && (
            <li className="px-2 text-xs text-muted-foreground">
              {facets[key].length - shownMax} more: search with {key}:…
            </li>
          )}
        </Group>
      ))}
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
      <ul>{children}</ul>
    </div>
  )
}

function Choice({ href, on, count, children }: { href: string; on: boolean; count?: number; children: ReactNode }) {
  return (
    <li>
      <Link
        href={href}
        scroll={false}
        aria-current={on ? 'true' : undefined}
        className={cn(
          'flex items-center justify-between gap-2 rounded-md px-2 py-1 hover:bg-muted',
          on && 'bg-accent-soft font-medium text-accent dark:text-foreground',
        )}
      >
        <span className="min-w-0 truncate">{children}</span>
        {count !== undefined && <span className="text-xs text-muted-foreground tabular-nums">{count}</span>}
      </Link>
    </li>
  )
}

function isOn(current: string | undefined, value: string): boolean {
  return current?.split(',').includes(value) ?? false
}
