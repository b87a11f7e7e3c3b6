'use client'

import { useSyncExternalStore } from 'react'
import { exactTime, relativeTime } from './time.ts'

/** A moment as people say it ("3 min ago"), kept current; the exact one in UTC on hover and in `datetime`. */
export function Time({ value, fallback = '–' }: { value: string | Date | null | undefined; fallback?: string }) {
  const now = useSyncExternalStore(
    subscribe,
    () => current,
    () => current,
  )
  if (!value) return <>{fallback}</>
  const date = new Date(value)
  return (
    <time dateTime={date.toISOString()} title={exactTime(date)} suppressHydrationWarning>
      {relativeTime(date, new Date(now))}
    </time>
  )
}

// One clock for all times on a page; it moves every 20 s.
let current = Date.now()
const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(tick, 20_000)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

function tick(): void {
  current = Date.now()
  for (const listener of listeners) listener()
}
