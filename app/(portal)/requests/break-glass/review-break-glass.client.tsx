'use client'

import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { Textarea } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { review } from './actions.ts'

/** Justified or not, with a sentence: the last word about an emergency. */
export function ReviewBreakGlass({
  grantId,
  agentName,
  whyNot,
}: {
  grantId: string
  agentName: string
  whyNot: string | null
}) {
  const [open, setOpen] = useState(false)
  const [note, setNote] = useState('')
  const { run, pending, failed, clear } = useAction(review, () => {
    toast.success('Reviewed.')
    setOpen(false)
  })
  const change = (next: boolean) => {
    setOpen(next)
    clear()
  }
  return (
    <>
      <ActionButton size="sm" whyNot={whyNot} onClick={() => change(true)}>
        Review
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={change}
        title={`Review break-glass of ${agentName}`}
        description="Whether the emergency was one, and the scope no wider than it needed. A grant in force is not ended by it."
      >
        <div className="grid gap-4">
          <Field label="How you came to it" required error={failed?.fields['note']?.[0]}>
            <Textarea value={note} onChange={(event) => setNote(event.target.value)} maxLength={1000} rows={3} />
          </Field>
          {failed && !failed.fields['note'] && (
            <Notice kind="danger" requestId={failed.requestId}>
              {failed.message}
            </Notice>
          )}
          <div className="flex flex-wrap justify-end gap-2">
            <Button onClick={() => change(false)}>Cancel</Button>
            <Button
              variant="danger-outline"
              pending={pending}
              onClick={() => run({ grantId, verdict: 'not_justified', note })}
            >
              Not justified
            </Button>
            <Button variant="primary" pending={pending} onClick={() => run({ grantId, verdict: 'justified', note })}>
              Justified
            </Button>
          </div>
        </div>
      </Dialog>
    </>
  )
}
