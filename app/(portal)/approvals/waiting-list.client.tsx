'use client'

import { useQuery, useQueryClient } from '@tanstack/react-query'
import Link from 'next/link'
import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { waitingCallsQuery } from '#components/approvals/queries.ts'
import { skewOf } from '#components/approvals/time-left.ts'
import { Button } from '#components/ui/button.tsx'
import { plural } from '#components/ui/count.ts'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { paths } from '#lib/core/paths.ts'
import type { HeldCallList, HeldCallView, WaitingCallsInput } from '#lib/guardrails/schema/held-calls.ts'
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
  // What was on the screen stays where it was: nobody presses a button under which another call has moved.
  const [shown, setShown] = useState<Shown>({ of: data, cards: cardsOf(data.items), left: [] })
  if (shown.of !== data) setShown(merged(shown, data))
  const leave = (id: string) =>
    setShown((now) => ({ ...now, cards: now.cards.filter(({ held }) => held.id !== id), left: [...now.left, id] }))
  const onDecided = (id: string) => {
    leave(id)
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
      {shown.cards.length === 0 ? (
        <EmptyState title={asked.id ? 'This call does not wait any more' : 'No call waits for a person'}>
          Calls appear here when a rule holds them, or when a template asks before a tool.
        </EmptyState>
      ) : (
        shown.cards.map(({ held, isGone }) =>
          isGone ? (
            <GoneCard key={held.id} held={held} onClose={() => leave(held.id)} />
          ) : (
            <HeldCallCard key={held.id} held={held} skewMs={data.skewMs} onDecided={() => onDecided(held.id)} />
          ),
        )
      )}
      <Pages isPart={asked.id !== undefined || asked.cursor !== undefined} next={data.nextCursor} />
    </div>
  )
}

type Card = { held: HeldCallView; isGone: boolean }
/** `left`: what the reader has decided or closed, which an answer that was asked for before may still bring. */
type Shown = { of: HeldCallList; cards: readonly Card[]; left: readonly string[] }

function cardsOf(items: readonly HeldCallView[]): Card[] {
  return items.map((held) => ({ held, isGone: false }))
}

/** The cards as they stood, each as it is now, and what came since behind them. Of a part of the list nobody knows what is gone and what is elsewhere. */
function merged({ cards, left }: Shown, data: HeldCallList): Shown {
  const items = data.items.filter(({ id }) => !left.includes(id))
  const now = new Map(items.map((held) => [held.id, held]))
  const before = new Set(cards.map(({ held }) => held.id))
  const kept = cards
    .map(({ held }) => ({ held: now.get(held.id) ?? held, isGone: !now.has(held.id) }))
    .filter(({ isGone }) => !isGone || data.nextCursor === null)
  return { of: data, cards: [...kept, ...cardsOf(items.filter(({ id }) => !before.has(id)))], left }
}

/** In the place of a call that ended while somebody looked at it, perhaps with an edit begun. */
function GoneCard({ held, onClose }: { held: HeldCallView; onClose: () => void }) {
  return (
    <Notice
      kind="warn"
      title={`${held.server ? `${held.server.id}/` : ''}${held.tool} of ${held.agent.name} does not wait any more`}
    >
      <p>Someone else decided this in the meantime, its time is over, or its agent went away.</p>
      <div className="mt-2 flex flex-wrap gap-2">
        <Button asChild size="sm">
          <Link href={paths.approval(held.id)}>See what became of it</Link>
        </Button>
        <Button size="sm" onClick={onClose}>
          Close
        </Button>
      </div>
    </Notice>
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
