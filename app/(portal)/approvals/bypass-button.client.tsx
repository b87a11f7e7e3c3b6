'use client'

import { FastForward } from 'lucide-react'
import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Input, Textarea } from '#components/ui/input.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { bypassMinutesDefault, bypassMinutesMax } from '#lib/guardrails/schema/hold-bypasses.ts'
import { endBypass, openBypass } from './actions.ts'

const empty = { minutes: String(bypassMinutesDefault), agentId: '', reason: '' }

/** Lets calls through for a while that a rule would hold. */
export function BypassButton({ ruleId, title, whyNot }: { ruleId: string; title: string; whyNot: string | null }) {
  const [open, setOpen] = useState(false)
  const [draft, setDraft] = useState(empty)
  const set = (changes: Partial<typeof empty>) => setDraft({ ...draft, ...changes })
  const { run, pending, failed, clear } = useAction(openBypass, () => {
    toast.success('Such calls go through until then. Everybody sees it.')
    setOpen(false)
    setDraft(empty)
  })
  const change = (next: boolean) => {
    setOpen(next)
    clear()
  }
  const error = (field: string) => failed?.fields[field]?.[0]
  return (
    <>
      <ActionButton size="sm" variant="danger-outline" whyNot={whyNot} onClick={() => change(true)}>
        <FastForward aria-hidden /> Bypass
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={change}
        title={`Bypass “${title}”`}
        description="Calls that it would hold go through, each recorded as such. Destructive ones on production still wait, and so do those of agents of your own teams. What waits already goes on waiting."
      >
        <form
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault()
            run({
              ruleId,
              minutes: Number(draft.minutes),
              agentId: draft.agentId.trim() || null,
              reason: draft.reason,
            })
          }}
        >
          <div className="grid gap-4 sm:grid-cols-2">
            <Field
              label="Minutes"
              hint={`At most ${bypassMinutesMax}, and no more of yours in all within a day.`}
              error={error('minutes')}
            >
              <Input
                type="number"
                min={1}
                max={bypassMinutesMax}
                value={draft.minutes}
                onChange={(event) => set({ minutes: event.target.value })}
              />
            </Field>
            <Field label="Only this agent" hint="Its id; empty for every agent." error={error('agentId')}>
              <Input
                value={draft.agentId}
                onChange={(event) => set({ agentId: event.target.value })}
                className="font-mono"
                autoComplete="off"
              />
            </Field>
          </div>
          <Field label="Reason" hint="Everybody reads it." required error={error('reason')}>
            <Textarea
              value={draft.reason}
              onChange={(event) => set({ reason: event.target.value })}
              maxLength={1000}
              rows={3}
            />
          </Field>
          <FormFooter failed={failed} onCancel={() => change(false)} variant="danger" pending={pending}>
            Bypass the rule
          </FormFooter>
        </form>
      </Dialog>
    </>
  )
}

export function EndBypassButton({ bypassId, whyNot }: { bypassId: string; whyNot: string | null }) {
  const { run, pending, failed } = useAction(endBypass, () => toast.success('Such calls wait for a person again.'))
  return (
    <>
      <ActionButton size="sm" pending={pending} whyNot={whyNot} onClick={() => run({ bypassId })}>
        End now
      </ActionButton>
      {failed && (
        <span role="alert" className="text-[13px] text-danger">
          {failed.message}
        </span>
      )}
    </>
  )
}
