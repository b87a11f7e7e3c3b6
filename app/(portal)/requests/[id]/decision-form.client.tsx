'use client'

import { useState } from 'react'
import { InPlaceOf } from '#components/delegation/in-place-of.client.tsx'
import { limitsDraft, LimitsFields, readLimits } from '#components/scopes/limits-fields.client.tsx'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input, Select, Textarea } from '#components/ui/input.tsx'
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
  const [reach, setReach] = useState<Reach>({ class: left.class, toolName: '' })
  const limits = readLimits(draft)
  const [pressed, setPressed] = useState<Decision | null>(null)
  const { run, pending, failed } = useAction(decide)
  const submit = (input: Parameters<typeof decide>[0]) => {
    setPressed(input.decision)
    run(input)
  }
  // The one that was pressed shows that it works; the others wait with it.
  const button = (decision: Decision) => ({ pending: pending && pressed === decision, disabled: pending, whyNot })
  const narrowProblem = ['conditions', 'rate', 'class', 'toolName'].flatMap((field) => failed?.fields[field] ?? [])[0]
  // What is decided is what the page shows, not what it was changed to since.
  const about = {
    requestId: request.id,
    revision: request.revision,
    ...(absent === '' ? {} : { forPersonId: absent }),
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
          <details open={narrowProblem !== undefined || left.conditions.length > 0 || left.rate !== null}>
            <summary className="text-sm font-medium">Grant less than was asked for</summary>
            <div className="mt-3 grid gap-4">
              {left.toolName === null && (
                <NarrowFields
                  request={request}
                  reach={reach}
                  onChange={setReach}
                  error={failed?.fields['class']?.[0] ?? failed?.fields['toolName']?.[0]}
                />
              )}
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
        <ActionButton
          variant="primary"
          {...button('approve')}
          onClick={() =>
            limits.problem === null &&
            submit({
              ...about,
              decision: 'approve',
              conditions: limits.conditions,
              ...(limits.rate ? { rate: limits.rate } : {}),
              days: days === '' ? null : Number(days),
              class: reach.class,
              ...(reach.toolName ? { toolName: reach.toolName } : {}),
              ...(note.trim() ? { note } : {}),
            })
          }
        >
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
type Reach = { class: ToolClass; toolName: string }

/** Less than was asked for: a class below, or one of its tools. */
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
  const classes = toolClasses.slice(0, toolClasses.indexOf(request.policy.left.class) + 1)
  const within = (toolClass: ToolClass) => toolClasses.slice(0, toolClasses.indexOf(toolClass) + 1)
  const tools = request.context.tools.filter((tool) => within(reach.class).includes(tool.class))
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      <Field label="Class" error={error}>
        <Select
          value={reach.class}
          onChange={(event) => onChange({ class: event.target.value as ToolClass, toolName: '' })}
        >
          {classes.map((toolClass) => (
            <option key={toolClass}>{toolClass}</option>
          ))}
        </Select>
      </Field>
      <Field label="Only this tool">
        <Select value={reach.toolName} onChange={(event) => onChange({ ...reach, toolName: event.target.value })}>
          <option value="">every tool of the class</option>
          {tools.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </Select>
      </Field>
    </div>
  )
}
