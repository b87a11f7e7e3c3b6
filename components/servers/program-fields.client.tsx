'use client'

import type { ReactNode } from 'react'
import { Field } from '#components/ui/field.tsx'
import { Input, Select, Textarea } from '#components/ui/input.tsx'
import { type ProgramDraft, variableNames } from './program-draft.ts'

type Props = {
  draft: ProgramDraft
  set: (change: Partial<ProgramDraft>) => void
  error: (field: string) => { error?: string }
  /** Variables that it cannot do without, once somebody has tried to register it. */
  missing: readonly string[]
  /** Whether it asks what its variables are set to. */
  asksValues?: boolean
  /** What it is from. */
  children?: ReactNode
}

/** The program of a server over stdio: how it is started, and what its variables are set to. */
export function ProgramFields({ draft, set, error, missing, asksValues = true, children }: Props) {
  const { fetched } = draft
  return (
    <>
      {children}
      <Field label="Program" required {...error(fetched ? 'command.package' : 'command.command')}>
        {fetched ? (
          <Select value={draft.program} onChange={(event) => set({ program: event.target.value })}>
            {(fetched.facts?.programs ?? [draft.program]).map((program) => (
              <option key={program}>{program}</option>
            ))}
          </Select>
        ) : (
          <Input value={draft.program} onChange={(event) => set({ program: event.target.value })} />
        )}
      </Field>
      <Field label="Names of its variables" hint="Separated by spaces." {...error('command.env')}>
        <Input value={draft.env} onChange={(event) => set({ env: event.target.value })} />
      </Field>
      <Field label="Arguments" hint="One a line." className="sm:col-span-2" {...error('command.args')}>
        <Textarea rows={3} value={draft.args} onChange={(event) => set({ args: event.target.value })} />
      </Field>
      {asksValues && <Values draft={draft} set={set} missing={missing} />}
    </>
  )
}

function Values({ draft, set, missing }: Pick<Props, 'draft' | 'set' | 'missing'>) {
  const names = variableNames(draft)
  if (names.length === 0) return null
  return (
    <fieldset className="space-y-3 sm:col-span-2">
      <legend className="mb-1 text-sm font-medium">Values of its variables</legend>
      <p className="text-[13px] text-muted-foreground">
        Sealed as its credential, and shown to nobody again. A probe is given them once.
      </p>
      {names.map((name) => {
        const known = draft.variables.find((one) => one.name === name)
        const change = (value: string) => set({ values: { ...draft.values, [name]: value } })
        const value = draft.values[name] ?? ''
        return (
          <Field
            key={name}
            label={<code>{name}</code>}
            hint={known?.description}
            required={known?.isRequired ?? false}
            {...(missing.includes(name) ? { error: 'It cannot do without.' } : {})}
          >
            {known && known.choices.length > 0 ? (
              <Select value={value} onChange={(event) => change(event.target.value)}>
                {['', ...known.choices].map((choice) => (
                  <option key={choice} value={choice}>
                    {choice || 'not set'}
                  </option>
                ))}
              </Select>
            ) : (
              <Input
                type={known && !known.isSecret ? 'text' : 'password'}
                autoComplete="off"
                value={value}
                onChange={(event) => change(event.target.value)}
              />
            )}
          </Field>
        )
      })}
    </fieldset>
  )
}
