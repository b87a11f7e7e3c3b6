'use client'

import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { decide } from './actions.ts'

/** The answer leaves for the app's own address: another site, or a program on this machine. */
export function Decision({ name, params }: { name: string; params: Record<string, string> }) {
  const [gone, setGone] = useState<'allow' | 'deny' | null>(null)
  const { run, pending, failed } = useAction(decide, ({ redirectTo }) => window.location.assign(redirectTo))
  const answer = (allow: boolean) => {
    setGone(allow ? 'allow' : 'deny')
    run({ params, allow })
  }
  const waits = pending || (gone !== null && !failed)
  return (
    <div className="grid gap-3">
      {failed && (
        <Notice kind="danger" requestId={failed.requestId}>
          {failed.message}
        </Notice>
      )}
      <div className="flex flex-wrap justify-end gap-2">
        <Button size="lg" disabled={waits} pending={waits && gone === 'deny'} onClick={() => answer(false)}>
          Do not allow
        </Button>
        <Button
          size="lg"
          variant="primary"
          className="min-w-0 whitespace-normal"
          disabled={waits}
          pending={waits && gone === 'allow'}
          onClick={() => answer(true)}
        >
          Allow {name}
        </Button>
      </div>
      <p role="status" className="text-right text-[13px] text-muted-foreground">
        {waits && !pending ? 'You can close this page when the app has answered.' : ''}
      </p>
    </div>
  )
}
