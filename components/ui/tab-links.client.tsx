'use client'

import Link from 'next/link'
import { usePathname } from 'next/navigation'
import { type ReactNode, useEffect, useRef } from 'react'
import { cn } from './cn.ts'

export type TabLink = { href: string; label: ReactNode; count?: number }

/** Tabs that are pages: each has its own address, so Back and copied links work. */
export function TabLinks({ label, tabs }: { label: string; tabs: readonly TabLink[] }) {
  const pathname = usePathname()
  const strip = useRef<HTMLElement>(null)
  // On a phone the strip scrolls: the tab one is on must be in it. Only the strip is moved, not the page.
  useEffect(() => {
    const current = strip.current?.querySelector<HTMLElement>('[aria-current]')
    if (strip.current && current) strip.current.scrollLeft = current.offsetLeft - 48
  }, [pathname])
  return (
    <nav ref={strip} aria-label={label} className="relative mb-5 flex gap-1 overflow-x-auto border-b">
      {tabs.map((tab) => {
        const active = pathname === tab.href
        return (
          <Link
            key={tab.href}
            href={tab.href}
            aria-current={active ? 'page' : undefined}
            className={cn(
              '-mb-px flex items-center gap-1.5 border-b-2 border-transparent px-3 py-2 whitespace-nowrap text-muted-foreground -outline-offset-2 hover:text-foreground',
              active && 'border-accent font-medium text-foreground',
            )}
          >
            {tab.label}
            {tab.count !== undefined && <span className="text-xs text-muted-foreground tabular-nums">{tab.count}</span>}
          </Link>
        )
      })}
    </nav>
  )
}
