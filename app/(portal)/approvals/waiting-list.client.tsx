'use client'

import { useQuery } from '@tanstack/react-query'
import { useRouter } from 'next/navigation'
import { waitingCallsQuery } from '#components/approvals/queries.ts'
import { skewOf } from '#components/approvals/time-left.ts'
import { plural } from '#components/ui/count.ts'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Notice } from '#components/ui/notice.tsx'
import type { HeldCallList } from '#lib/guardrails/schema/held-calls.ts'
import { HeldCallCard } from './held-call-card.client.tsx'

/** What waits now, kept current while one looks. */
export function WaitingList({ initial }: { initial: HeldCallList }) {
  const router = useRouter()
  const { data, isError, refetch } = useQuery({
    ...waitingCallsQuery(),
    initialData: () => ({ ...initial, skewMs: skewOf(initial, Date.now()) }),
    // Asked again at once: only an answer that was asked for from here says how wrong the clock here is.
    initialDataUpdatedAt: 0,
  })
  const onDecided = () => {
    void refetch()
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
        <EmptyState title="No call waits for a person">
          Calls appear here when a rule holds them, or when a template asks before a tool.
        </EmptyState>
      ) : (
        data.items.map((held) => <HeldCallCard key={held.id} held={held} skewMs={data.skewMs} onDecided={onDecided} />)
      )}
    </div>
  )
}
