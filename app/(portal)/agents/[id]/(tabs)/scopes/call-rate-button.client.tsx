'use client'

import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Input, Textarea } from '#components/ui/input.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { limitCalls } from '../../actions.ts'

/** Slows an agent down that does harm by how much it does. */
export function CallRateButton({
  agentId,
  agentName,
  callsPerSecond,
  revision,
  whyNot,
}: {
  agentId: string
  agentName: string
  callsPerSecond: number | null
  /** Of the agent that the page shows. */
  revision: string
  whyNot: string | null
}) {
  const [open, setOpen] = useState(false)
  const [draft, setDraft] = useState({ calls: '', reason: '' })
  const { run, pending, failed, clear } = useAction(limitCalls, () => {
    toast.success('Brokers follow within a second.')
    setOpen(false)
  })
  const change = (next: boolean) => {
    setOpen(next)
    setDraft({ calls: callsPerSecond?.toString() ?? '', reason: '' })
    clear()
  }
  return (
    <>
      <ActionButton size="sm" whyNot={whyNot} onClick={() => change(true)}>
        Limit calls
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={change}
        title={`Limit the calls of ${agentName}`}
        description="Milder than a stop: what it calls beyond that is refused, and it is told when to go on."
      >
        <form
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault()
            const calls = draft.calls === '' ? null : Number(draft.calls)
            run({ agentId, revision, callsPerSecond: calls, reason: draft.reason })
          }}
        >
          <Field
            label="Calls a second"
            hint="At all brokers together, of which each takes an equal part; four seconds’ worth at once. Empty: as often as any other agent."
            error={failed?.fields['callsPerSecond']?.[0]}
          >
            <Input
              type="number"
              min={1}
              max={1000}
              placeholder="Default"
              value={draft.calls}
              onChange={(event) => setDraft({ ...draft, calls: event.target.value })}
            />
          </Field>
          <Field
            label="Reason"
            hint="The owner and the audit log keep it."
            required
            error={failed?.fields['reason']?.[0]}
          >
            <Textarea
              value={draft.reason}
              onChange={(event) => setDraft({ ...draft, reason: event.target.value })}
              maxLength={500}
              rows={2}
            />
          </Field>
          <FormFooter failed={failed} onCancel={() => change(false)} pending={pending}>
            Set limit
          </FormFooter>
        </form>
      </Dialog>
    </>
  )
}
