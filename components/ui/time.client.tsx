'use client'

import { useSyncExternalStore } from 'react'
import { onTimeStyle, type TimeStyle, timeStyle } from './time-style.ts'
import { exactTime, relativeTime } from './time.ts'

/** A moment as people say it ("3 min ago"), kept current, the exact one in UTC on hover; for those who chose so, the other way round. */
export function Time({ value, fallback = '–' }: { value: string | Date | null | undefined; fallback?: string }) {
  const now = useSyncExternalStore(subscribe, readClock, readClock)
  const style = useSyncExternalStore(onTimeStyle, timeStyle, styleOnServer)
  if (!value) return <>{fallback}</>
  const date = new Date(value)
  const [shown, onHover] =
    style === 'utc'
      ? [exactTime(date), relativeTime(date, new Date(now))]
      : [relativeTime(date, new Date(now)), exactTime(date)]
  return (
    <time dateTime={date.toISOString()} title={onHover} className="whitespace-nowrap" suppressHydrationWarning>
      {shown}
    </time>
  )
}

function styleOnServer(): TimeStyle {
  return 'relative'
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
