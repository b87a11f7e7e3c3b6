'use client'

import { useQuery, useQueryClient } from '@tanstack/react-query'
import Link from 'next/link'
import { useRouter } from 'next/navigation'
import { waitingCallsQuery } from '#components/approvals/queries.ts'
import { skewOf } from '#components/approvals/time-left.ts'
import { Button } from '#components/ui/button.tsx'
import { plural } from '#components/ui/count.ts'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { paths } from '#lib/core/paths.ts'
import type { HeldCallList, WaitingCallsInput } from '#lib/guardrails/schema/held-calls.ts'
import { HeldCallCard } from './held-call-card.client.tsx'

/** What waits now, what one may decide first, kept current while one looks; with `asked.id` that call alone, with a cursor what comes behind it. */
export function WaitingList({ initial, asked }: { initial: HeldCallList; asked: WaitingCallsInput }) {
  const queries = useQueryClient()
  const router = useRouter()
  const { data, isError } = useQuery({
    ...waitingCallsQuery(asked),
    initialData: () => ({ ...initial, skewMs: skewOf(initial, Date.now()) }),
    // Asked again at once: only an answer that was asked for from here says how wrong the clock here is.
    initialDataUpdatedAt: 0,
  })
  const onDecided = () => {
    void queries.invalidateQueries({ queryKey: ['approvals', 'waiting'] })
    router.refresh()
  }
  return (
    <div className="grid gap-4">
      {/* The number alone: a card counts down every second, and nobody wants to hear that. */}
      <p role="status" className="sr-only">
        {plural(data.waiting, 'call waits', 'calls wait')} for a person.
      </p>
      {isError && <Notice kind="warn">What waits now could not be read; this may be out of date.</Notice>}
      {data.items.length === 0 ? (
        <EmptyState title={asked.id ? 'This call does not wait any more' : 'No call waits for a person'}>
          Calls appear here when a rule holds them, or when a template asks before a tool.
        </EmptyState>
      ) : (
        data.items.map((held) => <HeldCallCard key={held.id} held={held} skewMs={data.skewMs} onDecided={onDecided} />)
      )}
      <Pages isPart={asked.id !== undefined || asked.cursor !== undefined} next={data.nextCursor} />
    </div>
  )
}

function Pages({ isPart, next }: { isPart: boolean; next: string | null }) {
  if (!isPart && next === null) return null
  return (
    <div className="flex flex-wrap gap-2">
      {isPart && (
        <Button asChild size="sm">
          <Link href={paths.approvals()}>All calls that wait</Link>
        </Button>
      )}
      {next !== null && (
        <Button asChild size="sm">
          <Link href={`${paths.approvals()}?${new URLSearchParams({ cursor: next })}`}>Next calls</Link>
        </Button>
      )}
    </div>
  )
}
