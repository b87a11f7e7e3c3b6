'use client'

import { useEffect, useState } from 'react'
import { exactTime } from '#components/ui/time.ts'
import { clockText, secondsLeft } from './time-left.ts'

/** How long is left, to the second, by the clock of the platform; the moment itself on hover. */
export function Countdown({ until, skewMs }: { until: string; skewMs: number }) {
  const [clock, setClock] = useState<number | null>(null)
  useEffect(() => {
    const tick = () => setClock(Date.now())
    tick()
    const timer = setInterval(tick, 1000)
    return () => clearInterval(timer)
  }, [])
  const left = clock === null ? null : secondsLeft(until, { clock, skewMs })
  return (
    <time dateTime={until} title={exactTime(new Date(until))} className="tabular-nums">
      {left === null ? '…' : left === 0 ? 'time is over' : `${clockText(left)} left`}
    </time>
  )
}
