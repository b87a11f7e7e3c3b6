'use client'

import { useQuery } from '@tanstack/react-query'
import { waitingCallsQuery } from './queries.ts'

/** How many calls wait for a person, beside the link to them; nothing when none does. */
export function WaitingBadge() {
  const { data } = useQuery({ ...waitingCallsQuery(), refetchInterval: 10_000 })
  const waiting = data?.waiting ?? 0
  if (waiting === 0) return null
  return (
    <span className="ml-auto rounded-full bg-held px-1.5 text-xs font-medium text-background tabular-nums">
      {waiting}
      <span className="sr-only"> waiting</span>
    </span>
  )
}
