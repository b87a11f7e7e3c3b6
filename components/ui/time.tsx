'use client'
import { useEffect, useState } from 'react'

const units = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' })
const refreshMs = 20_000

/** A time: relative to now, exact (UTC) on hover. The server renders the exact one, so that nothing jumps while loading. */
export function Time({ at, exact }: { at: string | null; exact?: boolean }) {
  const [now, setNow] = useState<number | null>(null)
  useEffect(() => {
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), refreshMs)
    return () => clearInterval(timer)
  }, [])
  if (!at) return <span className="text-muted-foreground">never</span>
  const precise = `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`
  return (
    <time dateTime={at} title={precise} className="whitespace-nowrap">
      {exact || now === null ? precise.slice(0, exact ? undefined : 16) : relativeText(Date.parse(at), now)}
    </time>
  )
}

function relativeText(at: number, now: number): string {
  const seconds = Math.round((at - now) / 1000)
  for (const [unit, size] of units) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit)
  }
  return 'now'
}
