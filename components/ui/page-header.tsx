import { ChevronRight } from 'lucide-react'
import Link from 'next/link'
import type { ReactNode } from 'react'

/** Where it is, the h1 of a page, one sentence about it, and its actions. */
export function PageHeader({
  title,
  description,
  crumbs,
  badges,
  actions,
}: {
  title: ReactNode
  description?: ReactNode
  crumbs?: readonly { href: string; label: string }[]
  badges?: ReactNode
  actions?: ReactNode
}) {
  return (
    <header className="mb-5">
      {crumbs && (
        <nav
          aria-label="Breadcrumb"
          className="mb-1 flex flex-wrap items-center gap-1 text-[13px] text-muted-foreground"
        >
          {crumbs.map(({ href, label }) => (
            <span key={href} className="flex min-w-0 items-center gap-1">
              <Link href={href} className="min-w-0 rounded-sm hover:text-foreground hover:underline">
                {label}
              </Link>
              <ChevronRight className="size-3.5 shrink-0" aria-hidden />
            </span>
          ))}
        </nav>
      )}
      <div className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3 md:flex-nowrap">
        <div className="min-w-0">
          <div className="flex flex-wrap items-center gap-2">
            <h1 className="max-w-full overflow-x-clip text-xl font-semibold tracking-tight break-words">{title}</h1>
            {badges}
          </div>
          {description && <p className="mt-1 max-w-3xl text-sm text-muted-foreground">{description}</p>}
        </div>
        {actions && <div className="flex flex-wrap items-center gap-2 md:shrink-0">{actions}</div>}
      </div>
    </header>
  )
}
