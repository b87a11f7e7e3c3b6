'use client'

import { Siren } from 'lucide-react'
import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Input, Select, Textarea } from '#components/ui/input.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { type ToolClass, toolClasses } from '#lib/registry/schema.ts'
import { takeBreakGlass } from '../../actions.ts'

type Draft = { serverId: string; class: ToolClass; toolName: string; minutes: string; incident: string; reason: string }

const empty: Draft = { serverId: '', class: 'write', toolName: '', minutes: '60', incident: '', reason: '' }

/** In an emergency: a scope at once, for hours at most, reviewed afterwards. */
export function BreakGlassButton({
  agentId,
  agentName,
  servers,
  whyNot,
}: {
  agentId: string
  agentName: string
  servers: readonly { id: string; name: string; environment: string }[]
  whyNot: string | null
}) {
  const [open, setOpen] = useState(false)
  const [draft, setDraft] = useState(empty)
  const set = (changes: Partial<Draft>) => setDraft({ ...draft, ...changes })
  const { run, pending, failed, clear } = useAction(takeBreakGlass, () => {
    toast.success('The scope is in force. Security is told, and its review is open.')
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
        <Siren aria-hidden /> Break glass
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={change}
        title={`Break glass for ${agentName}`}
        description="It holds at once, for four hours at most. Everybody sees it, security is told, and somebody else reviews it afterwards."
      >
        <form
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault()
            run({
              agentId,
              serverId: draft.serverId,
              class: draft.class,
              toolName: draft.toolName.trim() || null,
              minutes: Number(draft.minutes),
              reason: draft.reason,
              ...(draft.incident.trim() ? { incident: draft.incident } : {}),
            })
          }}
        >
          <Field label="MCP server" required error={error('serverId')}>
            <Select value={draft.serverId} onChange={(event) => set({ serverId: event.target.value })} required>
              <option value="" disabled>
                Choose a server
              </option>
              {servers.map(({ id, name, environment }) => (
                <option key={id} value={id}>
                  {name} ({environment})
                </option>
              ))}
            </Select>
          </Field>
          <div className="grid gap-4 sm:grid-cols-2">
            <Field label="Class" error={error('class')}>
              <Select value={draft.class} onChange={(event) => set({ class: event.target.value as ToolClass })}>
                {toolClasses.map((toolClass) => (
                  <option key={toolClass}>{toolClass}</option>
                ))}
              </Select>
            </Field>
            <Field label="Minutes" hint="At most 240." error={error('minutes')}>
              <Input
                type="number"
                min={1}
                max={240}
                value={draft.minutes}
                onChange={(event) => set({ minutes: event.target.value })}
              />
            </Field>
          </div>
          <Field label="Only this tool" hint="Its name; empty for every tool of the class." error={error('toolName')}>
            <Input
              value={draft.toolName}
              onChange={(event) => set({ toolName: event.target.value })}
              className="font-mono"
              autoComplete="off"
            />
          </Field>
          <Field label="Incident" hint="Its number or link, if there is one." error={error('incident')}>
            <Input value={draft.incident} onChange={(event) => set({ incident: event.target.value })} maxLength={200} />
          </Field>
          <Field label="Reason" required error={error('reason')}>
            <Textarea
              value={draft.reason}
              onChange={(event) => set({ reason: event.target.value })}
              maxLength={1000}
              rows={3}
            />
          </Field>
          <FormFooter failed={failed} onCancel={() => change(false)} variant="danger" pending={pending}>
            Break glass now
          </FormFooter>
        </form>
      </Dialog>
    </>
  )
}
