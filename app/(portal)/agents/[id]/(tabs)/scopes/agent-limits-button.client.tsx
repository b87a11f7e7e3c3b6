'use client'

import { useState } from 'react'
import { changedLimits, type LimitDraft, type LimitField, LimitFields } from '#components/limits/limit-fields.tsx'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Textarea } from '#components/ui/input.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import type { AgentLimitName, AgentLimits } from '#lib/guardrails/schema/agent-limits.ts'
import { setLimits } from '../../actions.ts'

const fields = [
  { name: 'requestBytesMax', label: 'Bytes of a request', hint: 'At least 1,024.', min: 1024, max: 4_194_304 },
  { name: 'requestDepthMax', label: 'Levels in a request', hint: 'At least 8.', min: 8, max: 64 },
  {
    name: 'resultBytesMax',
    label: 'Bytes of a result',
    hint: 'What is longer is refused; above 1 MiB it may break off midway.',
    min: 1,
    max: 268_435_456,
  },
  { name: 'resultDepthMax', label: 'Levels in a result', hint: 'Arrays and objects in each other.', min: 1, max: 64 },
  { name: 'callDeadlineSeconds', label: 'Seconds to answer a call', hint: 'Then the call is ended.', min: 1, max: 600 },
] as const satisfies LimitField<AgentLimitName>[]

/** How much brokers take of this agent and give it. */
export function AgentLimitsButton({
  agentId,
  agentName,
  limits,
  revision,
  whyNot,
}: {
  agentId: string
  agentName: string
  limits: AgentLimits
  /** Of the agent that the page shows. */
  revision: string
  whyNot: string | null
}) {
  const [open, setOpen] = useState(false)
  const [draft, setDraft] = useState<LimitDraft<AgentLimitName>>({})
  const [reason, setReason] = useState('')
  const { run, pending, failed, clear } = useAction(setLimits, () => {
    toast.success('Brokers follow within a second.')
    setOpen(false)
  })
  const change = (next: boolean) => {
    setOpen(next)
    setDraft({})
    setReason('')
    clear()
  }
  return (
    <>
      <ActionButton size="sm" whyNot={whyNot} onClick={() => change(true)}>
        Change limits
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={change}
        title={`Limits of ${agentName}`}
        description="An empty field is as for any other agent. Where a server or the broker allows less, that counts."
      >
        <form
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault()
            run({ agentId, revision, reason, ...changedLimits<AgentLimitName>(fields, { draft, limits }) })
          }}
        >
          <LimitFields<AgentLimitName>
            fields={fields}
            limits={limits}
            draft={draft}
            onChange={setDraft}
            problems={failed?.fields}
          />
          <Field
            label="Reason"
            hint="The owner and the audit log keep it."
            required
            error={failed?.fields['reason']?.[0]}
          >
            <Textarea value={reason} onChange={(event) => setReason(event.target.value)} maxLength={500} rows={2} />
          </Field>
          <FormFooter failed={failed} onCancel={() => change(false)} pending={pending}>
            Save limits
          </FormFooter>
        </form>
      </Dialog>
    </>
  )
}
