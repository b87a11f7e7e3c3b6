'use client'

import { useSyncExternalStore } from 'react'
import { exactTime, relativeTime } from './time.ts'

/** A moment as people say it ("3 min ago"), kept current; the exact one in UTC on hover and in `datetime`. */
export function Time({ value, fallback = '–' }: { value: string | Date | null | undefined; fallback?: string }) {
  const now = useSyncExternalStore(subscribe, readClock, readClock)
  if (!value) return <>{fallback}</>
  const date = new Date(value)
  return (
    <time dateTime={date.toISOString()} title={exactTime(date)} className="whitespace-nowrap" suppressHydrationWarning>
      {relativeTime(date, new Date(now))}
    </time>
  )
}

// One clock for all times on a page, in steps of 20 s.
const stepMs = 20_000
const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined

function readClock(): number {
  return Math.floor(Date.now() / stepMs) * stepMs
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(() => listeners.forEach((tell) => tell()), stepMs)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}
