'use client'

import { Field } from '#components/ui/field.tsx'
import { Select } from '#components/ui/input.tsx'
import type { StandIn } from '#lib/delegation/schema.ts'

/** In whose place one decides: one's own, or that of somebody one stands in for. Nothing where there is no choice. */
export function InPlaceOf({
  standIns,
  value,
  onChange,
}: {
  standIns: readonly StandIn[]
  value: string
  onChange: (personId: string) => void
}) {
  if (standIns.length === 0) return null
  return (
    <Field label="In whose place" hint="It is recorded under your name, as for them.">
      <Select value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">My own</option>
        {standIns.map(({ person, until }) => (
          <option key={person.id} value={person.id}>
            {person.name}, away until {until.slice(0, 10)}
          </option>
        ))}
      </Select>
    </Field>
  )
}
