'use client'

import { useState } from 'react'
import type { Result } from '#lib/core/result.ts'
import { ActionButton } from './action-button.client.tsx'
import { Button, type ButtonProps } from './button.tsx'
import { Dialog } from './dialog.client.tsx'
import { Notice } from './notice.tsx'
import { toast } from './toast.client.ts'
import { useAction } from './use-action.client.ts'

type Action = (input: never) => Promise<Result<unknown, unknown>>

/** A button that asks once more before it ends something: what happens in a sentence, no reason to give. */
export function ConfirmButton<A extends Action>({
  label,
  object,
  title,
  description,
  confirm,
  action,
  input,
  said,
  onDone,
  variant,
  size = 'sm',
  whyNot,
}: {
  /** What the button says. */
  label: string
  /** What it is done to: for assistive technology alone, after the label. */
  object: string
  title: string
  description: string
  /** What the dialog's last button says. */
  confirm: string
  action: A
  input: Parameters<A>[0]
  said: string
  /** Where to go once it is ended, say. */
  onDone?: () => void
  variant?: ButtonProps['variant']
  size?: ButtonProps['size']
  /** Why it cannot be ended now, or by this person. */
  whyNot?: string | null
}) {
  const [open, setOpen] = useState(false)
  const { run, pending, failed, clear } = useAction(action, () => {
    setOpen(false)
    toast.success(said)
    onDone?.()
  })
  const change = (next: boolean) => {
    setOpen(next)
    clear()
  }
  return (
    <>
      <ActionButton size={size} variant={variant} whyNot={whyNot} onClick={() => change(true)}>
        {label}
        <span className="sr-only"> {object}</span>
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={change}
        title={title}
        description={description}
        footer={
          <>
            <Button onClick={() => change(false)}>Cancel</Button>
            <Button variant={variant === 'primary' ? 'primary' : 'danger'} pending={pending} onClick={() => run(input)}>
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
