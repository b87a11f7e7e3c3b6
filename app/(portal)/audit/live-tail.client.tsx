'use client'

import { useRouter } from 'next/navigation'
import { useEffect, useState } from 'react'
import { Checkbox } from '#components/ui/input.tsx'

const refreshMs = 2000

/** While switched on, the page shows what came since, every two seconds. */
export function LiveTail({ newest }: { newest: string }) {
  const router = useRouter()
  const [live, setLive] = useState(false)
  useEffect(() => {
    if (!live) return
    const timer = setInterval(() => router.refresh(), refreshMs)
    return () => clearInterval(timer)
  }, [live, router])
  return (
    <label className="flex items-center gap-2 text-sm">
      <Checkbox checked={live} onChange={(event) => setLive(event.target.checked)} />
      Live tail
      <span className="text-[13px] text-muted-foreground">at #{newest}</span>
    </label>
  )
}
