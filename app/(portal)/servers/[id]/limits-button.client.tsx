'use client'

import { useState } from 'react'
import { changedLimits, type LimitDraft, type LimitField, LimitFields } from '#components/limits/limit-fields.tsx'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import type { ServerLimits } from '#lib/guardrails/schema/server-guards.ts'
import { setLimits } from './guards-actions.ts'

const fields = [
  {
    name: 'callsPerSecond',
    label: 'Calls a second',
    hint: 'Of all brokers, an equal part each; four seconds’ worth at once.',
    max: 10_000,
  },
  { name: 'callDeadlineSeconds', label: 'Seconds to answer a call', hint: 'At most ten minutes.', max: 600 },
  {
    name: 'resultBytesMax',
    label: 'Bytes of a result',
    hint: 'Never more than of any other server.',
    max: 268_435_456,
  },
  { name: 'resultDepthMax', label: 'Levels in a result', hint: 'Arrays and objects in each other.', max: 64 },
] as const satisfies LimitField<keyof ServerLimits>[]

/** How much the broker asks of this server and takes from it. */
export function LimitsButton({
  serverId,
  limits,
  revision,
  whyNot,
}: {
  serverId: string
  limits: ServerLimits
  /** Of the guards that the page shows. */
  revision: string
  whyNot: string | null
}) {
  const [open, setOpen] = useState(false)
  const [draft, setDraft] = useState<LimitDraft<keyof ServerLimits>>({})
  const { run, pending, failed, clear } = useAction(setLimits, ({ waits }) => {
    toast.success(
      waits
        ? 'What is looser is proposed: it counts when somebody else confirms it. The rest is changed.'
        : 'The limits are changed.',
    )
    setOpen(false)
  })
  const change = (next: boolean) => {
    setOpen(next)
    setDraft({})
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
        title="Limits of this server"
        description="An empty field is as for any other server. Brokers follow within a second; what is looser (more calls, more time, larger or deeper results) waits for a second person."
      >
        <form
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault()
            run({ serverId, revision, ...changedLimits<keyof ServerLimits>(fields, { draft, limits }) })
          }}
        >
          <LimitFields<keyof ServerLimits>
            fields={fields}
            limits={limits}
            draft={draft}
            onChange={setDraft}
            problems={failed?.fields}
          />
          <FormFooter failed={failed} onCancel={() => change(false)} pending={pending}>
            Save limits
          </FormFooter>
        </form>
      </Dialog>
    </>
  )
}
