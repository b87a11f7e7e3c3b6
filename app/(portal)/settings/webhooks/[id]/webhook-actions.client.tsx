'use client'

import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { ConfirmButton } from '#components/ui/confirm-button.client.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import { paths } from '#lib/core/paths.ts'
import { remove, rotate, sendTest, update } from '../actions.ts'
import { SecretNotice } from '../secret-notice.tsx'

export function WebhookActions({ webhookId, enabled, host }: { webhookId: string; enabled: boolean; host: string }) {
  const router = useRouter()
  const test = useAction(sendTest, () => toast.success('The test is on its way.'))
  const change = useAction(update, () =>
    toast.success(enabled ? `${host} is switched off.` : `${host} is switched on.`),
  )
  const failed = test.failed ?? change.failed
  return (
    <>
      <Button pending={test.pending} onClick={() => test.run({ webhookId })}>
        Send test
      </Button>
      <Button pending={change.pending} onClick={() => change.run({ webhookId, enabled: !enabled })}>
        {enabled ? 'Switch off' : 'Switch on'}
      </Button>
      <RotateButton webhookId={webhookId} />
      <ConfirmButton
        label="Delete"
        object={`the webhook to ${host}`}
        title={`Delete the webhook to ${host}`}
        description="It is told of nothing any more, and its delivery log goes with it."
        confirm="Delete webhook"
        variant="danger"
        size="md"
        action={remove}
        input={{ webhookId }}
        said={`The webhook to ${host} is deleted.`}
        onDone={() => router.push(paths.webhooks())}
      />
      {failed && <p className="basis-full text-[13px] text-danger">{failed.message}</p>}
    </>
  )
}

function RotateButton({ webhookId }: { webhookId: string }) {
  const [open, setOpen] = useState(false)
  const [secret, setSecret] = useState<string | null>(null)
  const { run, pending, failed } = useAction(rotate, (rotated) => setSecret(rotated.secret))
  const change = (next: boolean) => {
    setOpen(next)
    if (next) setSecret(null)
  }
  return (
    <>
      <Button onClick={() => change(true)}>New secret</Button>
      <Dialog
        open={open}
        onOpenChange={change}
        title="New secret"
        description="For a day messages are signed with both secrets, so that the receiver can change without missing one."
        footer={
          !secret && (
            <>
              <Button onClick={() => change(false)}>Cancel</Button>
              <Button variant="primary" pending={pending} onClick={() => run({ webhookId })}>
                Make a new secret
              </Button>
            </>
          )
        }
      >
        {secret && <SecretNotice secret={secret} />}
        {failed && (
          <Notice kind="danger" requestId={failed.requestId}>
            {failed.message}
          </Notice>
        )}
      </Dialog>
    </>
  )
}
