'use client'

import { Field } from '#components/ui/field.tsx'
import { Checkbox, Input, Select } from '#components/ui/input.tsx'
import { roleLabel } from '#lib/auth/permissions.ts'
import { approverRoles } from '#lib/scopes/schema/approval-policy.ts'
import { Choices } from './choices.client.tsx'

type Draft = { next: string[]; nextTeam: string; afterHours: string; times: string; mayDecide: boolean }

/** Who is told next when nobody has decided in time. */
export function EscalationFields({
  draft,
  onChange,
  teams,
  error,
}: {
  draft: Draft
  onChange: (changes: Partial<Draft>) => void
  teams: readonly { id: string; name: string }[]
  error: (field: string) => string | undefined
}) {
  const wanted = draft.next.length > 0 || draft.nextTeam !== ''
  return (
    <>
      <Choices
        label="When it is overdue, pass it on to"
        words={approverRoles}
        chosen={draft.next}
        onChange={(next) => onChange({ next })}
        name={roleLabel}
        error={error('escalation')}
      />
      <Field label="Or to a team">
        <Select value={draft.nextTeam} onChange={(event) => onChange({ nextTeam: event.target.value })}>
          <option value="">None</option>
          {teams.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </Select>
      </Field>
      {wanted && (
        <>
          <div className="grid gap-4 sm:grid-cols-2">
            <Field label="After so many hours" error={error('escalation.afterHours')}>
              <Input
                type="number"
                min={1}
                max={720}
                value={draft.afterHours}
                onChange={(event) => onChange({ afterHours: event.target.value })}
              />
            </Field>
            <Field label="At most so many times" error={error('escalation.times')}>
              <Input
                type="number"
                min={1}
                max={10}
                value={draft.times}
                onChange={(event) => onChange({ times: event.target.value })}
              />
            </Field>
          </div>
          <label className="flex items-center gap-2 text-sm">
            <Checkbox checked={draft.mayDecide} onChange={(event) => onChange({ mayDecide: event.target.checked })} />
            They may then decide it in the place of those who are asked
          </label>
        </>
      )}
    </>
  )
}
