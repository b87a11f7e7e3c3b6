import Link from 'next/link'
import { cn } from './cn.ts'

/** Tabs that are pages: each a URL. */
export function TabLinks({
  label,
  tabs,
  current,
}: {
  label: string
  tabs: readonly { key: string; label: string; href: string }[]
  current: string
}) {
  return (
    <nav aria-label={label} className="mb-5 overflow-x-auto border-b">
      <ul className="flex gap-1">
        {tabs.map((tab) => (
          <li key={tab.key}>
            <Link
              href={tab.href}
              aria-current={tab.key === current ? 'page' : undefined}
              className={cn(
                '-mb-px block border-b-2 px-3 py-2 text-sm whitespace-nowrap',
                tab.key === current
                  ? 'border-accent font-medium text-foreground'
                  : 'border-transparent text-muted-foreground hover:text-foreground',
              )}
            >
              {tab.label}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  )
}
