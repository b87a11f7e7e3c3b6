'use client'

import { UserCheck } from 'lucide-react'
import { useState } from 'react'
import type { Result } from '#lib/core/result.ts'
import type { TakeOverInput } from '#lib/lifecycle/schema.ts'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Input, Select } from '#components/ui/input.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'

type Props = {
  agent: { id: string; name: string }
  /** Of the owner team first. */
  people: readonly { id: string; name: string }[]
  whyNot: string | null
  action: (input: TakeOverInput) => Promise<Result<{ resumed: boolean }, unknown>>
}

/** Names who answers for an orphaned agent from now on. */
export function TakeOverButton({ agent, people, whyNot, action }: Props) {
  const [open, setOpen] = useState(false)
  const [personId, setPersonId] = useState(people[0]?.id ?? '')
  const [reason, setReason] = useState('')
  const { run, pending, failed, clear } = useAction(action, ({ resumed }) => {
    toast.success(resumed ? `${agent.name} is active again.` : `Somebody answers for ${agent.name} again.`)
    setOpen(false)
  })
  const change = (next: boolean) => {
    setOpen(next)
    clear()
  }
  return (
    <>
      <ActionButton variant="primary" size="sm" whyNot={whyNot} onClick={() => change(true)}>
        <UserCheck aria-hidden /> Take over
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={change}
        title={`Take over ${agent.name}`}
        description="Whoever you name answers for it from now on. If it was suspended because nobody did, it goes on."
      >
        <form
          className="space-y-4"
          onSubmit={(event) => {
            event.preventDefault()
            run({ agentId: agent.id, accountablePersonId: personId, ...(reason ? { reason } : {}) })
          }}
        >
          <Field label="Accountable person" required error={failed?.fields['accountablePersonId']?.[0]}>
            <Select value={personId} onChange={(event) => setPersonId(event.target.value)}>
              {people.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </Select>
          </Field>
          <Field label="Note" hint="For the audit log; may be left out." error={failed?.fields['reason']?.[0]}>
            <Input value={reason} onChange={(event) => setReason(event.target.value)} maxLength={500} />
          </Field>
          <FormFooter failed={failed} onCancel={() => change(false)} pending={pending} disabled={pending || !personId}>
            Take over
          </FormFooter>
        </form>
      </Dialog>
    </>
  )
}
