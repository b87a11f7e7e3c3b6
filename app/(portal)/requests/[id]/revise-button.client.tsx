'use client'

import { useState } from 'react'
import { limitsDraft, LimitsFields, readLimits } from '#components/scopes/limits-fields.client.tsx'
import { capabilityHint, ScopeSelect } from '#components/scopes/scope-select.tsx'
import { classOfTools, readToolNames, ToolNamesField } from '#components/scopes/tool-names-field.tsx'
import { Button } from '#components/ui/button.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Input, Textarea } from '#components/ui/input.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import type { ScopeRequestView } from '#lib/scopes/schema.ts'
import type { revise as reviseAction } from './actions.ts'

/** The requester changes what is asked for, until it is decided. */
export function ReviseButton({ request, revise }: { request: ScopeRequestView; revise: typeof reviseAction }) {
  const [open, setOpen] = useState(false)
  const [draft, setDraft] = useState({
    class: request.class,
    toolName: request.toolNames.join('\n'),
    days: request.days?.toString() ?? '',
    reason: request.reason,
    ticket: request.ticket ?? '',
  })
  const [limitsText, setLimitsText] = useState(limitsDraft(request))
  const besides = capabilityHint(draft.toolName)
  const limits = readLimits(besides === null ? limitsText : limitsDraft())
  const set = (changes: Partial<typeof draft>) => setDraft({ ...draft, ...changes })
  const names = readToolNames(draft.toolName)
  const { run, pending, failed, clear } = useAction(revise, () => {
    toast.success('Changed. It waits for its approvers again.')
    setOpen(false)
  })
  const change = (next: boolean) => {
    setOpen(next)
    clear()
  }
  const error = (field: string) => failed?.fields[field]?.[0]
  return (
    <>
      <Button onClick={() => change(true)}>Change</Button>
      <Dialog
        open={open}
        onOpenChange={change}
        title="Change what is asked for"
        description="Approvals given so far are of what was asked before, so they count no more."
      >
        <form
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault()
            if (limits.problem !== null) return
            run({
              requestId: request.id,
              class: names.length > 0 ? undefined : draft.class,
              toolNames: names,
              days: draft.days ? Number(draft.days) : null,
              reason: draft.reason,
              ticket: draft.ticket.trim() || null,
              conditions: limits.conditions,
              rate: limits.rate,
            })
          }}
        >
          <Field label="Class" hint={besides ?? (names.length > 0 ? classOfTools : undefined)} error={error('class')}>
            <ScopeSelect value={draft} onChange={set} />
          </Field>
          {besides === null && (
            <ToolNamesField
              value={draft.toolName}
              onChange={(toolName) => set({ toolName })}
              error={error('toolNames')}
            />
          )}
          {besides === null && (
            <LimitsFields
              draft={limitsText}
              onChange={setLimitsText}
              error={limits.problem ?? error('conditions') ?? error('rate')}
            />
          )}
          <Field label="Days" hint="Empty: until revoked." error={error('days')}>
            <Input
              type="number"
              min={1}
              max={365}
              value={draft.days}
              onChange={(event) => set({ days: event.target.value })}
            />
          </Field>
          <Field label="Ticket" hint="Its number or link, if there is one." error={error('ticket')}>
            <Input value={draft.ticket} onChange={(event) => set({ ticket: event.target.value })} maxLength={300} />
          </Field>
          <Field label="Reason" required error={error('reason')}>
            <Textarea
              value={draft.reason}
              onChange={(event) => set({ reason: event.target.value })}
              maxLength={1000}
              rows={3}
            />
          </Field>
          <FormFooter failed={failed} onCancel={() => change(false)} pending={pending}>
            Change the request
          </FormFooter>
        </form>
      </Dialog>
    </>
  )
}
