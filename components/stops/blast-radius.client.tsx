'use client'

import { useQuery } from '@tanstack/react-query'
import { Skeleton } from '#components/ui/skeleton.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { plural } from '#components/ui/count.ts'
import type { StopScope } from '#lib/killswitch/schema.ts'
import { blastRadiusQuery } from './queries.ts'

/** What a stop would reach, counted on the server a moment ago. */
export function BlastRadius({ target }: { target: { scope: StopScope; targetId: string } }) {
  const { data, error } = useQuery(blastRadiusQuery(target))
  if (error)
    return (
      <Notice kind="warn">
        What this would stop could not be counted: {error.message} You can stop it all the same.
      </Notice>
    )
  if (!data) return <Skeleton className="h-16" />
  return (
    <div className="rounded-md border bg-surface px-3 py-2.5">
      <p className="font-medium">
        {data.stopsRuns ? (
          <>
            Stops {plural(data.agents.total, 'agent')}, {plural(data.openRuns.total, 'open run')} and{' '}
            {plural(data.schedules.total, 'schedule')}.
          </>
        ) : (
          <>
            Refuses there every call of {plural(data.agents.total, 'agent')}, of which{' '}
            {plural(data.openRuns.total, 'run is', 'runs are')} open and go on without.
          </>
        )}
      </p>
      {data.openRuns.total > 0 && (
        <p className="mt-1 text-[0.8125rem] text-muted-foreground">
          Running now:{' '}
          {names(
            data.openRuns.items.map((run) => run.agentName),
            data.openRuns.total,
          )}
        </p>
      )}
    </div>
  )
}

function names(first: readonly string[], total: number): string {
  const shown = [...new Set(first)].slice(0, 4)
  return total > shown.length ? `${shown.join(', ')} and ${total - shown.length} more` : shown.join(', ')
}
