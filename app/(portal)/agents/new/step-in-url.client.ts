'use client'

import { useSearchParams } from 'next/navigation'
import { useSyncExternalStore } from 'react'

const listeners = new Set<() => void>()

/** The step that the address names, at once when it changes: whoever presses Next twice goes two steps. */
export function useStepInUrl(): { asked: string | null; goTo: (step: string) => void } {
  const search = useSearchParams()
  const asked = useSyncExternalStore(
    subscribe,
    () => new URLSearchParams(location.search).get('step'),
    () => search.get('step'),
  )
  return { asked, goTo }
}

function goTo(step: string): void {
  const query = new URLSearchParams(location.search)
  query.set('step', step)
  window.history.pushState(null, '', `?${query}`)
  for (const listener of listeners) listener()
}

/** The browser's back and forward change it as well. */
function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  window.addEventListener('popstate', listener)
  return () => {
    listeners.delete(listener)
    window.removeEventListener('popstate', listener)
  }
}
