'use client'

import { ShieldQuestion } from 'lucide-react'
import { useState } from 'react'
import { type LimitsDraft, limitsDraft, LimitsFields, readLimits } from '#components/scopes/limits-fields.client.tsx'
import { capabilityHint, ScopeSelect } from '#components/scopes/scope-select.tsx'
import { classOfTools, readToolNames, ToolNamesField } from '#components/scopes/tool-names-field.tsx'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Input, Select, Textarea } from '#components/ui/input.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import type { ToolClass } from '#lib/registry/schema.ts'
import { requestScope } from '../../actions.ts'

type ServerChoice = { id: string; name: string; environment: string; sensitivity: string }
type Draft = {
  serverId: string
  class: ToolClass
  /** A name a line, or what is granted besides tools. */
  toolName: string
  days: string
  reason: string
  ticket: string
  limits: LimitsDraft
}

export type WantedScope = Pick<Draft, 'serverId' | 'class' | 'toolName'>

const empty: Draft = {
  serverId: '',
  class: 'read',
  toolName: '',
  days: '90',
  reason: '',
  ticket: '',
  limits: limitsDraft(),
}

export function RequestScopeButton({
  agentId,
  agentName,
  servers,
  wanted = null,
  whyNot,
}: {
  agentId: string
  agentName: string
  servers: readonly ServerChoice[]
  /** What is known of it already, by whoever leads here: the form is open and filled in with it. */
  wanted?: WantedScope | null
  whyNot: string | null
}) {
  const [open, setOpen] = useState(wanted !== null && whyNot === null)
  const [draft, setDraft] = useState<Draft>({ ...empty, ...wanted })
  const set = (changes: Partial<Draft>) => setDraft({ ...draft, ...changes })
  const names = readToolNames(draft.toolName)
  const { run, pending, failed, clear } = useAction(requestScope, ({ grantIds }) => {
    toast.success(
      grantIds.length === 0
        ? 'Requested. The agent can use it once it is approved.'
        : 'Granted at once, as the approval policy says.',
    )
    setOpen(false)
    setDraft(empty)
  })
  const change = (next: boolean) => {
    setOpen(next)
    clear()
  }
  const besides = capabilityHint(draft.toolName)
  const limits = readLimits(besides === null ? draft.limits : limitsDraft())
  const errors = (field: string) => failed?.fields[field]?.[0]
  return (
    <>
      <ActionButton size="sm" variant="primary" whyNot={whyNot} onClick={() => change(true)}>
        <ShieldQuestion aria-hidden /> Request a scope
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={change}
        title={`Request a scope for ${agentName}`}
        description="Ask for the least that does the job: it is approved sooner."
      >
        <form
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault()
            if (limits.problem !== null) return
            run({
              agentId,
              serverId: draft.serverId,
              class: names.length > 0 ? undefined : draft.class,
              toolNames: names,
              days: draft.days ? Number(draft.days) : null,
              reason: draft.reason,
              ...(draft.ticket.trim() ? { ticket: draft.ticket } : {}),
              conditions: limits.conditions,
              rate: limits.rate,
            })
          }}
        >
          <Field label="MCP server" required error={errors('serverId')}>
            <Select value={draft.serverId} onChange={(event) => set({ serverId: event.target.value })} required>
              <option value="" disabled>
                Choose a server
              </option>
              {servers.map((server) => (
                <option key={server.id} value={server.id}>
                  {server.name} ({server.environment}, {server.sensitivity})
                </option>
              ))}
            </Select>
          </Field>
          <Field
            label="Class"
            hint={besides ?? (names.length > 0 ? classOfTools : 'Write includes read; destructive includes both.')}
            error={errors('class')}
          >
            <ScopeSelect value={draft} onChange={set} />
          </Field>
          {besides === null && (
            <ToolNamesField
              value={draft.toolName}
              onChange={(toolName) => set({ toolName })}
              error={errors('toolNames')}
            />
          )}
          {besides === null && (
            <LimitsFields
              draft={draft.limits}
              onChange={(next) => set({ limits: next })}
              error={limits.problem ?? errors('conditions') ?? errors('rate')}
            />
          )}
          <Field label="Days" hint="It ends by itself after these. Empty: until revoked." error={errors('days')}>
            <Input
              type="number"
              min={1}
              max={365}
              value={draft.days}
              onChange={(event) => set({ days: event.target.value })}
            />
          </Field>
          <Field label="Reason" required error={errors('reason')}>
            <Textarea
              value={draft.reason}
              onChange={(event) => set({ reason: event.target.value })}
              maxLength={1000}
              rows={3}
            />
          </Field>
          <Field label="Ticket" hint="Its number or link, if there is one." error={errors('ticket')}>
            <Input value={draft.ticket} onChange={(event) => set({ ticket: event.target.value })} maxLength={300} />
          </Field>
          <FormFooter failed={failed} always onCancel={() => change(false)} pending={pending}>
            Send request
          </FormFooter>
        </form>
      </Dialog>
    </>
  )
}
