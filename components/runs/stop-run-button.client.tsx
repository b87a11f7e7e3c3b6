'use client'

import { OctagonX } from 'lucide-react'
import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import type { stopRunAction } from '#app/(portal)/runs/[id]/actions.ts'

/** Stops one run, with a reason. The agent itself stays as it is. */
export function StopRunButton({
  runId,
  stop,
  whyNot,
}: {
  runId: string
  stop: typeof stopRunAction
  whyNot: string | null
}) {
  const [open, setOpen] = useState(false)
  const [reason, setReason] = useState('')
  const { run, pending, failed } = useAction(stop, () => setOpen(false))
  return (
    <>
      <ActionButton variant="danger-outline" whyNot={whyNot} onClick={() => setOpen(true)}>
        <OctagonX aria-hidden />
        Stop this run
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={setOpen}
        title="Stop this run"
        description="Its calls are refused at once and its session is interrupted. The agent may be started again."
      >
        <form
          className="space-y-4"
          onSubmit={(event) => {
            event.preventDefault()
            run({ runId, reason })
          }}
        >
          <Field label="Reason" required error={failed?.fields.reason?.[0]}>
            <Input value={reason} onChange={(event) => setReason(event.target.value)} maxLength={500} />
          </Field>
          {failed && !failed.fields.reason && (
            <Notice kind="danger" requestId={failed.requestId}>
              {failed.message}
            </Notice>
          )}
          <div className="flex justify-end gap-2">
            <Button onClick={() => setOpen(false)}>Keep it running</Button>
            <Button type="submit" variant="danger" pending={pending}>
              Stop run
            </Button>
          </div>
        </form>
      </Dialog>
    </>
  )
}
