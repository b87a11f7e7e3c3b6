'use client'

import { useRouter } from 'next/navigation'
import { useEffect, useTransition } from 'react'

/**
 * Reads a server-rendered page again while something on it is under way; draws nothing. The next reading waits for the one before: one that overtakes another
 * drops it, and where rendering takes longer than the interval nothing would ever show.
 */
export function RefreshWhile({ active, everyMs = 1500 }: { active: boolean; everyMs?: number }) {
  const router = useRouter()
  const [reading, startReading] = useTransition()
  useEffect(() => {
    if (!active || reading) return
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') startReading(() => router.refresh())
    }, everyMs)
    return () => clearInterval(timer)
  }, [active, reading, everyMs, router])
  return null
}
