'use client'

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Bell, CheckCheck, Inbox } from 'lucide-react'
import Link from 'next/link'
import { usePathname } from 'next/navigation'
import { Button } from '#components/ui/button.tsx'
import { cn } from '#components/ui/cn.ts'
import { Menu, MenuItem, MenuLabel, MenuSeparator } from '#components/ui/menu.client.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { paths } from '#lib/core/paths.ts'
import type { InboxPage } from '#lib/notifications/schema.ts'
import { mark, markAll } from '#app/(portal)/inbox/actions.ts'
import { inboxQuery } from './queries.ts'

/** How many notifications are unread, on every page, and the newest of them. */
export function InboxBell({ initial }: { initial: InboxPage | null }) {
  const pathname = usePathname()
  const queries = useQueryClient()
  const { data } = useQuery({ ...inboxQuery(), ...(initial ? { initialData: initial } : {}) })
  const again = () => void queries.invalidateQueries({ queryKey: ['inbox'] })
  const one = useAction(mark, again)
  const all = useAction(markAll, again)
  const unread = data?.unread ?? 0
  const items = data?.items ?? []
  return (
    <>
      {/* Said once when the number changes, also to who does not look at the bell. */}
      <span className="sr-only" role="status">
        {unread > 0 ? `${unread} unread ${unread === 1 ? 'notification' : 'notifications'}` : ''}
      </span>
      <Menu
        trigger={
          <Button
            variant="ghost"
            size="icon"
            className="relative"
            aria-label={unread > 0 ? `Notifications, ${unread} unread` : 'Notifications'}
          >
            <Bell aria-hidden />
            {unread > 0 && (
              <span
                aria-hidden
                className="absolute top-0.5 right-0.5 min-w-4 rounded-full bg-accent px-1 text-center text-[11px] leading-4 font-semibold text-accent-foreground tabular-nums"
              >
                {unread > 99 ? '99+' : unread}
              </span>
            )}
          </Button>
        }
      >
        <MenuLabel>{unread > 0 ? `Notifications, ${unread} unread` : 'Notifications'}</MenuLabel>
        {items.length === 0 && <MenuLabel>You have been told of nothing yet.</MenuLabel>}
        {items.map(({ id, title, path, createdAt, readAt }) => (
          <MenuItem key={id} asChild onSelect={() => readAt === null && one.run({ notificationId: id, read: true })}>
            <Link href={path} className="w-96 max-w-[calc(100vw-2rem)] items-start">
              <span
                aria-hidden
                className={cn('mt-1.5 size-2 shrink-0 rounded-full', readAt === null ? 'bg-accent' : 'bg-transparent')}
              />
              <span className="min-w-0">
                <span className={cn('line-clamp-2', readAt === null && 'font-medium')}>{title}</span>
                <span className="text-xs text-muted-foreground">
                  {readAt === null && <span className="sr-only">unread, </span>}
                  <Time value={createdAt} />
                </span>
              </span>
            </Link>
          </MenuItem>
        ))}
        <MenuSeparator />
        {unread > 0 && items[0] && (
          <MenuItem onSelect={() => all.run({ until: items[0]!.createdAt })}>
            <CheckCheck aria-hidden /> Mark all read
          </MenuItem>
        )}
        <MenuItem asChild>
          <Link href={paths.inbox()} aria-current={pathname === paths.inbox() ? 'page' : undefined}>
            <Inbox aria-hidden /> All notifications
          </Link>
        </MenuItem>
      </Menu>
    </>
  )
}
