'use client'

import { useQuery } from '@tanstack/react-query'
import { OctagonX, TriangleAlert } from 'lucide-react'
import Link from 'next/link'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import type { StopOrderView } from '#lib/killswitch/schema.ts'
import { openStopsQuery } from './queries.ts'

/** On every page while anything is stopped: what, who, why, since when. It cannot be dismissed, and says so when it cannot know. */
export function IncidentBanner({ initial }: { initial: StopOrderView[] | null }) {
  const { data, error } = useQuery({ ...openStopsQuery(), ...(initial ? { initialData: initial } : {}) })
  if (!data || error) {
    if (!error) return null
    return (
      <div
        role="status"
        className="flex items-center gap-2 border-b border-warn/40 bg-warn-soft px-3 py-2 text-warn sm:px-5"
      >
        <TriangleAlert className="size-4 shrink-0" aria-hidden />
        <span className="min-w-0">Whether anything is stopped could not be read: {error.message}</span>
      </div>
    )
  }
  if (data.length === 0) return null
  return (
    <div role="alert" className="border-b border-danger/40 bg-danger-soft text-danger">
      <ul className="grid grid-cols-1 gap-1 px-3 py-2 sm:px-5">
        {data.map((stop) => (
          <li key={stop.id} className="flex flex-wrap items-center gap-x-2">
            <OctagonX className="size-4 shrink-0" aria-hidden />
            <strong className="min-w-0 font-semibold">{stoppedWords(stop)}</strong>
            <span className="line-clamp-3 min-w-0">
              by {stop.orderedBy.name}, <Time value={stop.orderedAt} />: {stop.reason}
            </span>
            {stop.openRuns > 0 && (
              <span>
                Stopping… {stop.stoppedRuns} of {stop.stoppedRuns + stop.openRuns} runs.
              </span>
            )}
            {stop.tasks.open > 0 && (
              <span>
                {stop.tasks.open === 1 ? '1 task at a server goes' : `${stop.tasks.open} tasks at servers go`} on.
              </span>
            )}
            <Link href={paths.kill()} className="rounded-sm underline underline-offset-2">
              Details and resume
            </Link>
          </li>
        ))}
      </ul>
    </div>
  )
}

function stoppedWords(stop: StopOrderView): string {
  if (stop.scope === 'organization') return 'Every agent is stopped'
  return `Stopped: ${stop.scope} ${stop.targetName}`
}
