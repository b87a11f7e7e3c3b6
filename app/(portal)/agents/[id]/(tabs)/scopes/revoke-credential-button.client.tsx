'use client'

import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import { revokeCredential } from '../../actions.ts'

export function RevokeCredentialButton({
  agentId,
  clientId,
  whyNot,
}: {
  agentId: string
  clientId: string
  whyNot: string | null
}) {
  const [open, setOpen] = useState(false)
  const { run, pending, failed, clear } = useAction(revokeCredential, () => {
    setOpen(false)
    toast.success('The credential is revoked.')
  })
  const change = (next: boolean) => {
    setOpen(next)
    clear()
  }
  return (
    <>
      <ActionButton size="sm" whyNot={whyNot} onClick={() => change(true)}>
        Revoke <span className="sr-only">credential {clientId}</span>
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={change}
        title="Revoke this credential"
        description={`Whatever authenticates as ${clientId} gets no token from now on.`}
        footer={
          <>
            <Button onClick={() => change(false)}>Cancel</Button>
            <Button variant="danger" pending={pending} onClick={() => run({ agentId, clientId })}>
              Revoke credential
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
