'use client'

import { Clock, KeyRound, LogOut, UserRound } from 'lucide-react'
import Link from 'next/link'
import { useSyncExternalStore, useTransition } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Menu, MenuItem, MenuLabel, MenuSeparator } from '#components/ui/menu.client.tsx'
import { chooseTimeStyle, onTimeStyle, timeStyle } from '#components/ui/time-style.ts'
import { paths } from '#lib/core/paths.ts'

export type UserFacts = { name: string; email: string; roles: readonly string[]; teams: readonly string[] }

export function UserMenu({ user, signOut }: { user: UserFacts; signOut: () => Promise<unknown> }) {
  const [pending, start] = useTransition()
  const times = useSyncExternalStore(onTimeStyle, timeStyle, () => 'relative' as const)
  return (
    <Menu
      trigger={
        <Button variant="ghost" className="px-2" aria-label={`Account of ${user.name}`} pending={pending}>
          {!pending && <UserRound aria-hidden />}
          <span className="hidden max-w-40 truncate xl:inline">{user.name}</span>
        </Button>
      }
    >
      <MenuLabel>
        <span className="block text-sm font-medium text-foreground">{user.name}</span>
        <span className="block">{user.email}</span>
        <span className="mt-1 block">
          {user.roles.length > 0 ? user.roles.join(', ') : 'No role: ask a platform admin'}
        </span>
        {user.teams.length > 0 && <span className="block">Teams: {user.teams.join(', ')}</span>}
      </MenuLabel>
      <MenuSeparator />
      <MenuItem asChild>
        <Link href={paths.tokens()}>
          <KeyRound aria-hidden /> Access tokens
        </Link>
      </MenuItem>
      <MenuItem onSelect={() => chooseTimeStyle(times === 'utc' ? 'relative' : 'utc')}>
        <Clock aria-hidden /> {times === 'utc' ? 'Show times as “3 min. ago”' : 'Show times in UTC'}
      </MenuItem>
      <MenuItem onSelect={() => start(async () => void (await signOut()))}>
        <LogOut aria-hidden /> Sign out
      </MenuItem>
    </Menu>
  )
}
