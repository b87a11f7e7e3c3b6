import Link from 'next/link'
import type { ComponentProps, ReactNode } from 'react'
import { cn } from './cn.ts'

/** A surface with an optional heading row. The heading is an h2: pages have one h1. */
export function Card({
  title,
  description,
  actions,
  className,
  children,
  flush,
  ...props
}: Omit<ComponentProps<'section'>, 'title'> & {
  title?: ReactNode
  description?: ReactNode
  actions?: ReactNode
  /** No padding around the content: for tables. */
  flush?: boolean
}) {
  return (
    <section className={cn('min-w-0 rounded-lg border bg-raised', className)} {...props}>
      {(title || actions) && (
        <header className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2 border-b px-4 py-3">
          <div className="min-w-0">
            {title && <h2 className="text-sm font-semibold">{title}</h2>}
            {description && <p className="mt-0.5 text-[13px] text-muted-foreground">{description}</p>}
          </div>
          {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
        </header>
      )}
      <div className={flush ? '' : 'p-4'}>{children}</div>
    </section>
  )
}

/** One figure: label above, value, and what it means below. */
export function Figure({
  label,
  value,
  note,
  href,
}: {
  label: string
  value: ReactNode
  note?: ReactNode
  href?: string
}) {
  return (
    <div className={cn('relative min-w-0 rounded-lg border bg-raised px-4 py-3', href && 'hover:border-accent')}>
      <dt className="text-[13px] text-muted-foreground">
        {href ? (
          // The link covers the whole figure.
          <Link href={href} className="after:absolute after:inset-0 after:rounded-lg">
            {label}
          </Link>
        ) : (
          label
        )}
      </dt>
      <dd className="mt-1 text-xl font-semibold tabular-nums">{value}</dd>
      {note && <dd className="mt-0.5 text-xs text-muted-foreground">{note}</dd>}
    </div>
  )
}
