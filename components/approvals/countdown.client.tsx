'use client'

import { useEffect, useState } from 'react'
import { exactTime } from '#components/ui/time.ts'

/** How long is left, to the second; the moment itself on hover. */
export function Countdown({ until }: { until: string }) {
  const [now, setNow] = useState<number | null>(null)
  useEffect(() => {
    const tick = () => setNow(Date.now())
    tick()
    const timer = setInterval(tick, 1000)
    return () => clearInterval(timer)
  }, [])
  const end = new Date(until)
  const left = now === null ? null : Math.max(0, Math.ceil((end.getTime() - now) / 1000))
  return (
    <time dateTime={until} title={exactTime(end)} className="tabular-nums">
      {left === null ? '…' : left === 0 ? 'time is over' : `${clock(left)} left`}
    </time>
  )
}

function clock(seconds: number): string {
  const pad = (value: number) => String(value).padStart(2, '0')
  const hours = Math.floor(seconds / 3600)
  const rest = `${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`
  return hours > 0 ? `${hours}:${rest}` : rest
}
