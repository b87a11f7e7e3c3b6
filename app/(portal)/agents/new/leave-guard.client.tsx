'use client'

import { useRouter } from 'next/navigation'
import { useEffect, useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'

/** Asks before a link or the closing of the tab leaves what was entered. Back and forward do not ask: the draft is there again. */
export function LeaveGuard({ active, onLeave }: { active: boolean; onLeave: () => void }) {
  const router = useRouter()
  const [to, setTo] = useState<string | null>(null)
  useEffect(() => {
    if (!active) return
    const ask = (event: BeforeUnloadEvent) => event.preventDefault()
    const hold = (event: MouseEvent) => {
      const href = leavesTo(event)
      if (href === null) return
      event.preventDefault()
      event.stopPropagation()
      setTo(href)
    }
    window.addEventListener('beforeunload', ask)
    // Before the link itself hears of it.
    window.addEventListener('click', hold, { capture: true })
    return () => {
      window.removeEventListener('beforeunload', ask)
      window.removeEventListener('click', hold, { capture: true })
    }
  }, [active])
  return (
    <Dialog
      open={to !== null}
      onOpenChange={(open) => !open && setTo(null)}
      title="Leave without creating the agent?"
      description="Nothing has been created yet. What you entered is discarded."
      footer={
        <>
          <Button onClick={() => setTo(null)}>Stay</Button>
          <Button
            variant="danger"
            onClick={() => {
              if (to === null) return
              setTo(null)
              onLeave()
              router.push(to)
            }}
          >
            Discard and leave
          </Button>
        </>
      }
    />
  )
}

/** Where a click on a link of this site goes in this tab, if that is another page. */
function leavesTo(event: MouseEvent): string | null {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return null
  const link = event.target instanceof Element ? event.target.closest('a[href]') : null
  if (!(link instanceof HTMLAnchorElement) || (link.target !== '' && link.target !== '_self')) return null
  const url = new URL(link.href)
  const isOtherPage = url.origin === location.origin && url.pathname !== location.pathname
  return isOtherPage && !link.hasAttribute('download') ? url.pathname + url.search + url.hash : null
}
