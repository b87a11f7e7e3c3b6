'use client'

import { useQueryClient } from '@tanstack/react-query'
import { OctagonX } from 'lucide-react'
import { useRouter } from 'next/navigation'
import { type FormEvent, useState } from 'react'
import type { orderStop } from '#app/(portal)/actions.ts'
import { AgentPicker } from '#components/shell/agent-picker.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input, Textarea } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { plural } from '#components/ui/count.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import { organizationTarget } from '#lib/killswitch/schema/target.ts'
import { openStopsQuery } from './queries.ts'
import { BlastRadius } from './blast-radius.client.tsx'

/** `team`: the agent's, which can be stopped from the same place. A tool's id is `server/tool`. */
export type StopTarget =
  | { scope: 'organization' }
  | { scope: 'agent'; agent: { id: string; name: string } | null; team?: { id: string; name: string } }
  | NamedTarget
type NamedTarget = { scope: 'team' | 'server' | 'tool'; id: string; name: string }

const confirmation = 'stop everything'

export function StopForm({
  initial,
  order,
  onDone,
}: {
  initial: StopTarget
  order: typeof orderStop
  onDone: () => void
}) {
  const router = useRouter()
  const client = useQueryClient()
  const [target, setTarget] = useState<StopTarget>(initial)
  const [reason, setReason] = useState('')
  const [typed, setTyped] = useState('')
  const { run, pending, failed } = useAction(order, ({ runs }) => {
    toast.warning(`Stop ordered. Stopping ${plural(runs, 'open run')}…`)
    onDone()
    void client.invalidateQueries({ queryKey: openStopsQuery().queryKey })
    router.refresh()
  })
  const organization = target.scope === 'organization'
  const targetId = targetIdOf(target)
  const named = namedIn(initial)
  const ready =
    Boolean(targetId) && reason.trim().length >= 3 && (!organization || typed.trim().toLowerCase() === confirmation)

  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (ready && targetId) run({ scope: target.scope, targetId, reason })
  }

  return (
    <form onSubmit={submit} className="grid grid-cols-1 gap-4">
      <fieldset className="grid gap-2">
        <legend className="mb-1.5 text-[0.8125rem] font-medium">What to stop</legend>
        {named && (
          <ScopeChoice checked={target.scope === named.scope} onSelect={() => setTarget(named)}>
            {wordsFor(named)}
          </ScopeChoice>
        )}
        <ScopeChoice
          checked={target.scope === 'agent'}
          onSelect={() => setTarget({ scope: 'agent', agent: initialAgent(initial) })}
        >
          One agent
        </ScopeChoice>
        <ScopeChoice checked={organization} onSelect={() => setTarget({ scope: 'organization' })}>
          The whole organization
        </ScopeChoice>
      </fieldset>
      {target.scope === 'agent' && (
        <AgentPicker value={target.agent} onChange={(agent) => setTarget({ scope: 'agent', agent })} />
      )}
      {targetId && <BlastRadius target={{ scope: target.scope, targetId }} />}
      <Field label="Reason" hint="Shown on every page while the stop is in force, and kept in the audit log." required>
        <Textarea value={reason} onChange={(event) => setReason(event.target.value)} maxLength={500} />
      </Field>
      {organization && (
        <Field label={<>Type “{confirmation}” to confirm</>} required>
          <Input value={typed} onChange={(event) => setTyped(event.target.value)} autoComplete="off" />
        </Field>
      )}
      {failed && (
        <Notice kind="danger" requestId={failed.requestId}>
          {failed.message}
        </Notice>
      )}
      <Button
        type="submit"
        variant="danger"
        size="lg"
        disabled={!ready}
        pending={pending}
        // It names what is stopped, however long that name is.
        className="h-auto min-h-11 py-2 whitespace-normal wrap-anywhere"
      >
        <OctagonX aria-hidden /> {orderWords(target)}
      </Button>
    </form>
  )
}

function ScopeChoice({ checked, onSelect, children }: { checked: boolean; onSelect: () => void; children: string }) {
  return (
    <label className="flex items-center gap-2.5 rounded-md border px-3 py-2 has-checked:border-danger has-checked:bg-danger-soft">
      <input type="radio" name="stop-scope" checked={checked} onChange={onSelect} className="size-4 accent-danger" />
      {children}
    </label>
  )
}

function initialAgent(target: StopTarget) {
  return target.scope === 'agent' ? target.agent : null
}

function targetIdOf(target: StopTarget): string | undefined {
  if (target.scope === 'organization') return organizationTarget
  return target.scope === 'agent' ? target.agent?.id : target.id
}

/** What the dialog was opened for or from, when that is no agent. */
function namedIn(initial: StopTarget): NamedTarget | null {
  if (initial.scope === 'organization') return null
  if (initial.scope !== 'agent') return initial
  return initial.team ? { scope: 'team', ...initial.team } : null
}

function wordsFor({ scope, name }: NamedTarget): string {
  return { team: `Every agent of ${name}`, server: `Every call to ${name}`, tool: `Every call of ${name}` }[scope]
}

function orderWords(target: StopTarget): string {
  if (target.scope === 'organization') return 'Stop every agent'
  if (target.scope === 'agent') return `Stop ${target.agent?.name ?? 'agent'}`
  const words = wordsFor(target)
  return `Stop ${words.charAt(0).toLowerCase()}${words.slice(1)}`
}
