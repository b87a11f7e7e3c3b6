'use client'

import { useState } from 'react'
import type { Result } from '#lib/core/result.ts'
import { Button } from './button.tsx'
import { Dialog } from './dialog.client.tsx'
import { Notice } from './notice.tsx'
import { toast } from './toast.client.ts'
import { useAction } from './use-action.client.ts'

type Action = (input: never) => Promise<Result<unknown, unknown>>

/** A button that asks once more before it ends something: what happens in a sentence, no reason to give. */
export function ConfirmButton<A extends Action>({
  label,
  title,
  description,
  confirm,
  action,
  input,
  said,
}: {
  /** What the button says; assistive technology hears `title`. */
  label: string
  title: string
  description: string
  /** What the dialog's last button says. */
  confirm: string
  action: A
  input: Parameters<A>[0]
  said: string
}) {
  const [open, setOpen] = useState(false)
  const { run, pending, failed } = useAction(action, () => {
    setOpen(false)
    toast.success(said)
  })
  return (
    <>
      <Button size="sm" aria-label={title} onClick={() => setOpen(true)}>
        {label}
      </Button>
      <Dialog
        open={open}
        onOpenChange={setOpen}
        title={title}
        description={description}
        footer={
          <>
            <Button onClick={() => setOpen(false)}>Cancel</Button>
            <Button variant="danger" pending={pending} onClick={() => run(input)}>
              {confirm}
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
