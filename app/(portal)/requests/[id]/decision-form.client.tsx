'use client'

import { useState } from 'react'
import { InPlaceOf } from '#components/delegation/in-place-of.client.tsx'
import { limitsDraft, LimitsFields, readLimits } from '#components/scopes/limits-fields.client.tsx'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { Checkbox, Input, Select, Textarea } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { type ToolClass, toolClasses } from '#lib/registry/schema.ts'
import { grantDaysMax, type ScopeRequestView } from '#lib/scopes/schema.ts'
import type { decide as decideAction } from './actions.ts'

/** Approve (as long as was asked for, or shorter; as it was asked for, or narrower) or reject with a reason. */
export function DecisionForm({ request, decide }: { request: ScopeRequestView; decide: typeof decideAction }) {
  const [days, setDays] = useState(request.policy.left.days?.toString() ?? '')
  const [note, setNote] = useState('')
  const [absent, setAbsent] = useState('')
  const [draft, setDraft] = useState(limitsDraft(request.policy.left))
  const { left } = request.policy
  const [reach, setReach] = useState<Reach>({ class: left.class, toolNames: left.toolNames })
  const limits = readLimits(draft)
  const [pressed, setPressed] = useState<Decision | null>(null)
  // What it is narrowed to already is shown at first; whoever looks elsewhere may close it.
  const [narrowing, setNarrowing] = useState(left.conditions.length > 0 || left.rate !== null)
  const { run, pending, failed } = useAction(decide)
  const submit = (input: Parameters<typeof decide>[0]) => {
    setPressed(input.decision)
    run(input)
  }
  // The one that was pressed shows that it works; the others wait with it.
  const button = (decision: Decision) => ({ pending: pending && pressed === decision, disabled: pending, whyNot })
  const noneLeft = left.toolNames.length > 0 && reach.toolNames.length === 0 ? 'Leave one of them, or reject it.' : null
  const narrowProblem = ['conditions', 'rate', 'class', 'toolNames'].flatMap((field) => failed?.fields[field] ?? [])[0]
  // What is decided is what the page shows, not what it was changed to since.
  const about = {
    requestId: request.id,
    revision: request.revision,
    ...(absent === '' ? {} : { forPersonId: absent }),
  }
  const approve = () => {
    if (limits.problem !== null || noneLeft !== null) return setNarrowing(true)
    submit({
      ...about,
      decision: 'approve',
      conditions: limits.conditions,
      ...(limits.rate ? { rate: limits.rate } : {}),
      days: days === '' ? null : Number(days),
      class: reach.class,
      ...(reach.toolNames.length > 0 ? { toolNames: reach.toolNames } : {}),
      ...(note.trim() ? { note } : {}),
    })
  }
  const whyNot = request.decidable.allowed ? null : request.decidable.refusal.message
  return (
    <div className="space-y-4">
      {whyNot && <Notice title="You cannot decide this one">{whyNot}</Notice>}
      {!whyNot && (
        <>
          <Field label="For how many days" hint="Empty: until it is revoked." error={failed?.fields['days']?.[0]}>
            <Input
              inputMode="numeric"
              value={days}
              onChange={(event) => setDays(event.target.value.replace(/\D/g, ''))}
              maxLength={String(grantDaysMax).length}
            />
          </Field>
          <details
            open={narrowing || narrowProblem !== undefined}
            onToggle={({ currentTarget }) => setNarrowing(currentTarget.open)}
          >
            <summary className="text-sm font-medium">Grant less than was asked for</summary>
            <div className="mt-3 grid gap-4">
              <NarrowFields
                request={request}
                reach={reach}
                onChange={setReach}
                error={noneLeft ?? failed?.fields['class']?.[0] ?? failed?.fields['toolNames']?.[0]}
              />
              <LimitsFields
                draft={draft}
                onChange={setDraft}
                error={limits.problem ?? failed?.fields['conditions']?.[0] ?? failed?.fields['rate']?.[0]}
              />
            </div>
          </details>
          <Field
            label="Note"
            hint="The requester reads it. Needed to reject or to request changes."
            error={failed?.fields['note']?.[0]}
          >
            <Textarea value={note} onChange={(event) => setNote(event.target.value)} rows={3} maxLength={1000} />
          </Field>
          <InPlaceOf standIns={request.standIns} value={absent} onChange={setAbsent} />
        </>
      )}
      {failed && !narrowProblem && !failed.fields['note'] && !failed.fields['days'] && (
        <Notice kind="danger" requestId={failed.requestId}>
          {failed.message}
        </Notice>
      )}
      <div className="flex flex-wrap gap-2">
        <ActionButton variant="primary" {...button('approve')} onClick={approve}>
          Approve
        </ActionButton>
        <ActionButton
          {...button('request_changes')}
          onClick={() => submit({ ...about, decision: 'request_changes', note })}
        >
          Request changes
        </ActionButton>
        <ActionButton
          variant="danger-outline"
          {...button('reject')}
          onClick={() => submit({ ...about, decision: 'reject', note })}
        >
          Reject
        </ActionButton>
      </div>
    </div>
  )
}

type Decision = Parameters<typeof decideAction>[0]['decision']
type Reach = { class: ToolClass; toolNames: string[] }

/** Less than was asked for: a class below, or some of its tools; of tools that were named, some of these. */
function NarrowFields({
  request,
  reach,
  onChange,
  error,
}: {
  request: ScopeRequestView
  reach: Reach
  onChange: (reach: Reach) => void
  error: string | undefined
}) {
  const { left } = request.policy
  const classes = upTo(left.class)
  const offered = request.context.tools.filter(({ name, class: toolClass }) =>
    left.toolNames.length > 0 ? left.toolNames.includes(name) : upTo(reach.class).includes(toolClass),
  )
  const toggle = (name: string, on: boolean) =>
    onChange({ ...reach, toolNames: on ? [...reach.toolNames, name] : reach.toolNames.filter((one) => one !== name) })
  return (
    <div className="grid gap-3">
      {left.toolNames.length === 0 && (
        <Field label="Class" error={error}>
          <Select
            value={reach.class}
            onChange={(event) => onChange({ class: event.target.value as ToolClass, toolNames: [] })}
          >
            {classes.map((toolClass) => (
              <option key={toolClass}>{toolClass}</option>
            ))}
          </Select>
        </Field>
      )}
      {(offered.length > 1 || left.toolNames.length === 0) && (
        <fieldset className="min-w-0">
          <legend className="text-sm font-medium">Only these tools</legend>
          <p className="text-[13px] text-muted-foreground">
            {left.toolNames.length === 0 ? 'None chosen: every tool of the class.' : 'Those that were asked for.'} Each
            becomes a grant of its own.
          </p>
          <div className="mt-2 grid max-h-60 gap-1.5 overflow-y-auto">
            {offered.map(({ name, class: toolClass }) => (
              <label key={name} className="flex items-start gap-2 text-sm">
                <Checkbox
                  className="mt-0.5"
                  checked={reach.toolNames.includes(name)}
                  onChange={(event) => toggle(name, event.target.checked)}
                />
                <span className="min-w-0">
                  <span className="font-mono break-all">{name}</span>{' '}
                  <span className="text-muted-foreground">{toolClass}</span>
                </span>
              </label>
            ))}
          </div>
          {left.toolNames.length > 0 && error && <p className="mt-1 text-[13px] text-danger">{error}</p>}
        </fieldset>
      )}
    </div>
  )
}

function upTo(toolClass: ToolClass): readonly ToolClass[] {
  return toolClasses.slice(0, toolClasses.indexOf(toolClass) + 1)
}
