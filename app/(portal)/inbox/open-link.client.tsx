'use client'

import Link from 'next/link'
import type { ReactNode } from 'react'
import { cn } from '#components/ui/cn.ts'
import { mark } from './actions.ts'

/** A link to what a notification is about; following it marks it read. */
export function OpenLink({
  id,
  href,
  unread,
  children,
}: {
  id: string
  href: string
  unread: boolean
  children: ReactNode
}) {
  return (
    <Link
      href={href}
      prefetch={false}
      className={cn('text-accent hover:underline', unread && 'font-medium')}
      onClick={() => unread && void mark({ notificationId: id, read: true })}
    >
      {unread && <span className="sr-only">Unread: </span>}
      {children}
    </Link>
  )
}
