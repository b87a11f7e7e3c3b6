import { Field } from '#components/ui/field.tsx'
import { Input } from '#components/ui/input.tsx'

/** A limit that may be set or left to what holds for all others. */
export type LimitField<Name extends string> = {
  name: Name
  label: string
  hint: string
  /** Left out: 1. */
  min?: number
  max: number
}
type Limits<Name extends string> = Readonly<Record<Name, number | null>>
/** What was typed; a limit that nobody typed at is as it was. */
export type LimitDraft<Name extends string> = Partial<Record<Name, string>>

/** The limits of an agent or a server as numbers to type; empty is the default. */
export function LimitFields<Name extends string>({
  fields,
  limits,
  draft,
  onChange,
  problems,
}: {
  fields: readonly LimitField<Name>[]
  limits: Limits<Name>
  draft: LimitDraft<Name>
  onChange: (draft: LimitDraft<Name>) => void
  /** What was refused, by field. */
  problems: Readonly<Record<string, readonly string[] | undefined>> | undefined
}) {
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      {fields.map(({ name, label, hint, min = 1, max }) => (
        <Field key={name} label={label} hint={hint} error={problems?.[name]?.[0]}>
          <Input
            type="number"
            min={min}
            max={max}
            placeholder="Default"
            value={draft[name] ?? textIn(limits, name)}
            onChange={(event) => onChange({ ...draft, [name]: event.target.value })}
          />
        </Field>
      ))}
    </div>
  )
}

/** What was typed and differs from what holds; an emptied field is null. */
export function changedLimits<Name extends string>(
  fields: readonly LimitField<Name>[],
  { draft, limits }: { draft: LimitDraft<Name>; limits: Limits<Name> },
): Partial<Limits<Name>> {
  const changed = fields.filter(({ name }) => (draft[name] ?? textIn(limits, name)) !== textIn(limits, name))
  return Object.fromEntries(changed.map(({ name }) => [name, draft[name] ? Number(draft[name]) : null])) as Partial<
    Limits<Name>
  >
}

function textIn<Name extends string>(limits: Limits<Name>, name: Name): string {
  return limits[name]?.toString() ?? ''
}
