import { Field } from '#components/ui/field.tsx'
import { Input, Select } from '#components/ui/input.tsx'
import { type Environment, environments, sensitivities, type Sensitivity } from '#lib/registry/schema.ts'

type Place = { description: string; environment: Environment; sensitivity: Sensitivity }
type Props = {
  draft: Place
  onChange: (part: Partial<Place>) => void
  /** What is wrong with a field, as `Field` takes it. */
  error: (field: string) => { error?: string }
}

/** What the platform says of a server, beside its name: in a grid of two columns. */
export function PlaceFields({ draft, onChange, error }: Props) {
  return (
    <>
      <Field label="What it offers" className="sm:col-span-2" {...error('description')}>
        <Input value={draft.description} onChange={(event) => onChange({ description: event.target.value })} />
      </Field>
      <Field label="Environment" {...error('environment')}>
        <Select
          value={draft.environment}
          onChange={(event) => onChange({ environment: event.target.value as Environment })}
        >
          {environments.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </Select>
      </Field>
      <Field label="Sensitivity of its data" {...error('sensitivity')}>
        <Select
          value={draft.sensitivity}
          onChange={(event) => onChange({ sensitivity: event.target.value as Sensitivity })}
        >
          {sensitivities.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </Select>
      </Field>
    </>
  )
}
