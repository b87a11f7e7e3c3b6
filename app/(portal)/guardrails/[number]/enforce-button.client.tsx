'use client'

import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Textarea } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import type { PolicySetDetail } from '#lib/guardrails/schema/policy-sets.ts'
import { enforce } from '../actions.ts'

const reasons = {
  not_tried: {
    field: 'withoutReplay',
    label: 'Why it is enforced without',
    does: 'Replay recorded calls, leave it log-only until that counts, or say why it is enforced without.',
  },
  no_calls: {
    field: 'emptyReplay',
    label: 'Why it is enforced although no call was met',
    does: 'That has shown nothing yet: replay a longer time, leave it log-only until that counts, or say that you know it.',
  },
} as const

/** Puts a set in force. One that was not tried, or whose replay met no call, needs a reason, which is kept with it. */
export function EnforceButton({ set, whyNot }: { set: PolicySetDetail; whyNot: string | null }) {
  const [open, setOpen] = useState(false)
  const [reason, setReason] = useState('')
  const { number, version, enforced, trial, warnings } = set
  const asked = trial.outcome === 'tried' ? null : reasons[trial.outcome]
  const { run, pending, failed, clear } = useAction(enforce, () => {
    toast.success(`Policy set ${number} is in force.`)
    setOpen(false)
  })
  const change = (next: boolean) => {
    setOpen(next)
    clear()
  }
  return (
    <>
      <ActionButton variant="primary" whyNot={whyNot} onClick={() => change(true)}>
        Enforce
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={change}
        title={`Enforce policy set ${number}`}
        description={`It takes the place of policy set ${enforced?.number ?? 'none'} within a second, in running sessions too. What was approved and not yet carried out is asked for again.`}
      >
        <form
          className="space-y-4"
          onSubmit={(event) => {
            event.preventDefault()
            const given = asked ? { [asked.field]: reason } : {}
            run({ number, version, replaces: enforced?.number ?? null, ...given })
          }}
        >
          {warnings.length > 0 && (
            <Notice kind="warn" title="It has warnings">
              {warnings.map(({ message }) => message).join(' ')}
            </Notice>
          )}
          <div className="space-y-1 text-sm">
            {trial.says.map((sentence) => (
              <p key={sentence}>{sentence}</p>
            ))}
          </div>
          {asked && (
            <>
              <Notice kind="warn">{asked.does}</Notice>
              <Field
                label={asked.label}
                required
                hint="It is kept with the set and in the audit log."
                error={failed?.fields[asked.field]?.[0]}
              >
                <Textarea
                  value={reason}
                  onChange={(event) => setReason(event.target.value)}
                  maxLength={1000}
                  rows={3}
                />
              </Field>
            </>
          )}
          <FormFooter failed={failed} onCancel={() => change(false)} pending={pending}>
            Enforce
          </FormFooter>
        </form>
      </Dialog>
    </>
  )
}
