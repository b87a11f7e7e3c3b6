'use client'

import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { endConnection } from './actions.ts'

export function EndButton({ connectionId, name }: { connectionId: string; name: string }) {
  const [open, setOpen] = useState(false)
  const { run, pending, failed } = useAction(endConnection, () => {
    setOpen(false)
    toast.success(`${name} is disconnected.`)
  })
  return (
    <>
      <Button size="sm" aria-label={`Disconnect ${name}`} onClick={() => setOpen(true)}>
        Disconnect
      </Button>
      <Dialog
        open={open}
        onOpenChange={setOpen}
        title={`Disconnect ${name}`}
        description="It is refused from its next question on. To come back it has to ask you again."
        footer={
          <>
            <Button onClick={() => setOpen(false)}>Cancel</Button>
            <Button variant="danger" pending={pending} onClick={() => run({ connectionId })}>
              Disconnect app
            </Button>
          </>
        }
      >
        {failed && (
          <Notice kind="danger" requestId={failed.requestId}>
            {failed.message}
          </Notice>
        )}
      </Dialog>
    </>
  )
}
