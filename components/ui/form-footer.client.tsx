'use client'

import type { ReactNode } from 'react'
import { Button, type ButtonProps } from './button.tsx'
import { Notice } from './notice.tsx'

type Props = {
  /** Why it was refused; what is said of single fields stands beside them. */
  failed: {
    message: string
    requestId?: string | undefined
    fields: Readonly<Record<string, readonly string[]>>
  } | null
  /** Also says why when fields are named: for a form that does not show all of them. */
  always?: boolean
  onCancel: () => void
  variant?: ButtonProps['variant']
  pending: boolean
  disabled?: boolean
  /** What the last button says. */
  children: ReactNode
}

/** The end of a form in a dialog: why it was refused, and, in sight however long the form is, the way out and the button that sends it. */
export function FormFooter({
  failed,
  always = false,
  onCancel,
  variant = 'primary',
  pending,
  disabled,
  children,
}: Props) {
  return (
    <>
      {failed && (always || Object.keys(failed.fields).length === 0) && (
        <Notice kind="danger" requestId={failed.requestId}>
          {failed.message}
        </Notice>
      )}
      <div className="sticky -bottom-4 -mx-5 -mb-4 flex flex-wrap justify-end gap-2 rounded-b-lg border-t bg-raised px-5 py-3">
        <Button onClick={onCancel}>Cancel</Button>
        <Button type="submit" variant={variant} pending={pending} {...(disabled === undefined ? {} : { disabled })}>
          {children}
        </Button>
      </div>
    </>
  )
}
