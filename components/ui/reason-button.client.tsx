'use client'

import { type ReactNode, useState } from 'react'
import type { Result } from '#lib/core/result.ts'
import { ActionButton } from './action-button.client.tsx'
import { Button, type ButtonProps } from './button.tsx'
import { Dialog } from './dialog.client.tsx'
import { Field } from './field.tsx'
import { Input, Textarea } from './input.tsx'
import { Notice } from './notice.tsx'
import { useAction, type ValueOf } from './use-action.client.ts'
import { toast } from './toast.client.ts'

type Action = (input: never) => Promise<Result<unknown, unknown>>

type Props<A extends Action> = {
  /** What the button says, e.g. *Retire*. */
  label: ReactNode
  icon?: ReactNode
  title: string
  /** What happens, in a sentence with names. */
  description: ReactNode
  /** What the dialog's last button says. */
  confirm: string
  action: A
  /** Everything but the reason. */
  input: Omit<Parameters<A>[0], 'reason'>
  whyNot?: string | null
  /** For what is slow on purpose: the person types this before it can be confirmed. */
  typeToConfirm?: string
  variant?: ButtonProps['variant']
  size?: ButtonProps['size']
  /** What is said afterwards; what is only asked for must not be called done. */
  said?: string | ((value: ValueOf<A>) => string)
  onDone?: () => void
}

/** A button that asks for a reason before it acts: for whatever somebody will later want to know the reason of. */
export function ReasonButton<A extends Action>({
  label,
  icon,
  title,
  description,
  confirm,
  action,
  input,
  whyNot,
  typeToConfirm,
  variant,
  size,
  said,
  onDone,
}: Props<A>) {
  const [open, setOpen] = useState(false)
  const [reason, setReason] = useState('')
  const [typed, setTyped] = useState('')
  const { run, pending, failed, clear } = useAction(action, (value) => {
    toast.success((typeof said === 'function' ? said(value) : said) ?? `Done: ${title}.`)
    setOpen(false)
    setReason('')
    setTyped('')
    onDone?.()
  })
  const confirmed = !typeToConfirm || typed.trim().toLowerCase() === typeToConfirm.toLowerCase()
  const change = (next: boolean) => {
    setOpen(next)
    clear()
  }
  return (
    <>
      <ActionButton variant={variant} size={size} whyNot={whyNot} onClick={() => change(true)}>
        {icon}
        {label}
      </ActionButton>
      <Dialog open={open} onOpenChange={change} title={title} description={description}>
        <form
          className="space-y-4"
          onSubmit={(event) => {
            event.preventDefault()
            run({ ...input, reason } as Parameters<A>[0])
          }}
        >
          <Field label="Reason" required error={failed?.fields['reason']?.[0]}>
            <Textarea value={reason} onChange={(event) => setReason(event.target.value)} maxLength={500} rows={3} />
          </Field>
          {failed && !failed.fields['reason'] && (
            <Notice kind="danger" requestId={failed.requestId}>
              {failed.message}
            </Notice>
          )}
          {typeToConfirm && (
            <Field label={`Type “${typeToConfirm}” to confirm`}>
              <Input
                value={typed}
                placeholder={typeToConfirm}
                autoComplete="off"
                onChange={(event) => setTyped(event.target.value)}
              />
            </Field>
          )}
          <div className="flex flex-wrap justify-end gap-2">
            <Button onClick={() => change(false)}>Cancel</Button>
            <Button
              type="submit"
              variant={variant === 'primary' ? 'primary' : 'danger'}
              pending={pending}
              disabled={pending || !confirmed}
            >
              {confirm}
            </Button>
          </div>
        </form>
      </Dialog>
    </>
  )
}
