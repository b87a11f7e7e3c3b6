'use client'

import { useEffect, useRef, useState } from 'react'
import { openRunStates, type RunEventView, type RunView } from '#lib/harness/schema.ts'

type Stream = { run: RunView; events: RunEventView[]; connection: 'live' | 'reconnecting' | 'over' }

/** Follows a run from what the page was rendered with; events come once and in order, also over reconnections. */
export function useRunStream(initial: { run: RunView; events: RunEventView[] }): Stream {
  // The stream belongs to the run the page was opened for; later renders of the same page must not restart it.
  const first = useRef(initial)
  const [stream, setStream] = useState<Stream>({ ...initial, connection: isOpen(initial.run) ? 'live' : 'over' })

  useEffect(() => {
    const { run, events } = first.current
    if (!isOpen(run)) return
    const after = events.at(-1)?.seq ?? 0
    const source = new EventSource(`/api/v1/runs/${run.id}/stream?after=${after}`)
    const update = (change: (stream: Stream) => Stream) => setStream(change)
    source.addEventListener('log', (message) => {
      const event = JSON.parse(message.data) as RunEventView
      update((now) => ((now.events.at(-1)?.seq ?? 0) >= event.seq ? now : { ...now, events: [...now.events, event] }))
    })
    source.addEventListener('run', (message) => {
      const latest = JSON.parse(message.data) as RunView
      update((now) => ({ ...now, run: latest, connection: 'live' }))
    })
    source.addEventListener('end', () => {
      source.close()
      update((now) => ({ ...now, connection: 'over' }))
    })
    source.addEventListener('error', () => update((now) => ({ ...now, connection: 'reconnecting' })))
    source.addEventListener('open', () => update((now) => ({ ...now, connection: 'live' })))
    return () => source.close()
  }, [])

  return stream
}

function isOpen(run: RunView): boolean {
  return openRunStates.some((state) => state === run.state)
}
