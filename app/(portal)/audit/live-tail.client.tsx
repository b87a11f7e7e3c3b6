'use client'

import { useState } from 'react'
import { Checkbox } from '#components/ui/input.tsx'
import { RefreshWhile } from '#components/ui/refresh-while.client.tsx'

const refreshMs = 2000

/** While switched on, the page shows what came since, every two seconds. */
export function LiveTail({ newest }: { newest: string }) {
  const [live, setLive] = useState(false)
  return (
    <label className="flex items-center gap-2 text-sm">
      <Checkbox checked={live} onChange={(event) => setLive(event.target.checked)} />
      Live tail
      <RefreshWhile active={live} everyMs={refreshMs} />
      <span className="text-[13px] text-muted-foreground">at #{newest}</span>
    </label>
  )
}
