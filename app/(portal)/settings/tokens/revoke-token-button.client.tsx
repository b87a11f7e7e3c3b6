'use client'

import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import { revokeToken } from './actions.ts'

export function RevokeTokenButton({ tokenId, name }: { tokenId: string; name: string }) {
  const [open, setOpen] = useState(false)
  const { run, pending, failed } = useAction(revokeToken, () => {
    setOpen(false)
    toast.success(`${name} is revoked.`)
  })
  return (
    <>
      <Button size="sm" aria-label={`Revoke ${name}`} onClick={() => setOpen(true)}>
        Revoke
      </Button>
      <Dialog
        open={open}
        onOpenChange={setOpen}
        title={`Revoke ${name}`}
        description="Whatever uses this token is refused from its next request on."
        footer={
          <>
            <Button onClick={() => setOpen(false)}>Cancel</Button>
            <Button variant="danger" pending={pending} onClick={() => run({ tokenId })}>
              Revoke token
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
