'use client'

import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { plural } from '#components/ui/count.ts'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Textarea } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import type { PolicySetDetail } from '#lib/guardrails/schema/policy-sets.ts'
import { enforce } from '../actions.ts'

/** How far it was tried: a replay that met no call has shown nothing, and that is said. */
function Tried({ evidence: { replayed, judged, logged } }: Pick<PolicySetDetail, 'evidence'>) {
  if (!replayed) return <p className="text-sm">This text was log-only.</p>
  const says = 'Recorded calls were replayed with this text.'
  if (judged > 0 || logged) {
    return (
      <p className="text-sm">
        {says} {plural(judged, 'call was', 'calls were')} decided again.{logged && ' It was log-only, too.'}
      </p>
    )
  }
  return <Notice kind="warn">{says} No call was in the range, so that has shown nothing yet.</Notice>
}

/** Puts a set in force. One that was not tried needs the reason why not, which is kept with it. */
export function EnforceButton({ set, whyNot }: { set: PolicySetDetail; whyNot: string | null }) {
  const [open, setOpen] = useState(false)
  const [reason, setReason] = useState('')
  const { number, version, enforced, evidence, warnings } = set
  const tried = evidence.replayed || evidence.logged
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
            const withoutReplay = tried ? null : reason
            run({ number, version, replaces: enforced?.number ?? null, withoutReplay })
          }}
        >
          {warnings.length > 0 && (
            <Notice kind="warn" title="It has warnings">
              {warnings.map(({ message }) => message).join(' ')}
            </Notice>
          )}
          {tried ? (
            <Tried evidence={evidence} />
          ) : (
            <>
              <Notice kind="warn">Nothing was replayed with this text, and it was never log-only.</Notice>
              <Field
                label="Why it is enforced without replay"
                required
                hint="It is kept with the set and in the audit log."
                error={failed?.fields['withoutReplay']?.[0]}
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
