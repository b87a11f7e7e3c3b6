'use client'

import { useEffect, useState } from 'react'
import { openRunStates, type RunEventView, type RunView } from '#lib/harness/schema.ts'

type Stream = { run: RunView; events: RunEventView[]; connection: 'live' | 'reconnecting' | 'over' }

/** Follows a run from what the page was rendered with; events come once and in order, also over reconnections. */
export function useRunStream(initial: { run: RunView; events: RunEventView[] }): Stream {
  const runId = initial.run.id
  const isOpen = openRunStates.some((state) => state === initial.run.state)
  const [stream, setStream] = useState<Stream>({ ...initial, connection: isOpen ? 'live' : 'over' })

  useEffect(() => {
    if (!isOpen) return
    const after = initial.events.at(-1)?.seq ?? 0
    const source = new EventSource(`/api/v1/runs/${runId}/stream?after=${after}`)
    const update = (change: (stream: Stream) => Stream) => setStream(change)
    source.addEventListener('log', (message) => {
      const event = JSON.parse(message.data) as RunEventView
      update((now) => ((now.events.at(-1)?.seq ?? 0) >= event.seq ? now : { ...now, events: [...now.events, event] }))
    })
    source.addEventListener('run', (message) => {
      const run = JSON.parse(message.data) as RunView
      update((now) => ({ ...now, run, connection: 'live' }))
    })
    source.addEventListener('end', () => {
      source.close()
      update((now) => ({ ...now, connection: 'over' }))
    })
    source.addEventListener('error', () => update((now) => ({ ...now, connection: 'reconnecting' })))
    source.addEventListener('open', () => update((now) => ({ ...now, connection: 'live' })))
    return () => source.close()
    // The stream belongs to the run; later renders of the same page must not restart it.
  }, [runId])

  return stream
}
