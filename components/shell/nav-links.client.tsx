'use client'

import Link from 'next/link'
import { usePathname } from 'next/navigation'
import { WaitingBadge } from '#components/approvals/waiting-badge.client.tsx'
import { cn } from '#components/ui/cn.ts'
import { navigation } from './navigation.ts'

export function NavLinks({ onNavigate }: { onNavigate?: () => void }) {
  const pathname = usePathname()
  return (
    <nav aria-label="Main" className="grid gap-4">
      {navigation.map((group) => (
        <div key={group.label ?? 'top'}>
          {group.label && <p className="px-2.5 pb-1 text-xs font-medium text-muted-foreground">{group.label}</p>}
          <ul className="grid gap-0.5">
            {group.items.map(({ href, label, icon: Icon, badge }) => {
              const active = href === '/' ? pathname === '/' : pathname === href || pathname.startsWith(`${href}/`)
              return (
                <li key={href}>
                  <Link
                    href={href}
                    onClick={onNavigate}
                    aria-current={active ? 'page' : undefined}
                    className={cn(
                      'flex h-8 items-center gap-2.5 rounded-md px-2.5 text-muted-foreground hover:bg-muted hover:text-foreground',
                      active && 'bg-muted font-medium text-foreground',
                    )}
                  >
                    <Icon className="size-4" aria-hidden />
                    {label}
                    {badge && <WaitingBadge />}
                  </Link>
                </li>
              )
            })}
          </ul>
        </div>
      ))}
    </nav>
  )
}
