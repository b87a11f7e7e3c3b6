'use client'

import { Button } from '#components/ui/button.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input, Select, Textarea } from '#components/ui/input.tsx'
import type { PackageFetchView } from '#lib/registry/schema/packages.ts'
import { type Draft, variableNames } from './draft.ts'

type Props = {
  draft: Draft
  set: (change: Partial<Draft>) => void
  error: (field: string) => { error?: string }
  /** Variables that it cannot do without, once somebody has tried to register it. */
  missing: readonly string[]
}

/** The program of a server over stdio: where it is from, how it is started, and what its variables are set to. */
export function ProgramFields({ draft, set, error, missing }: Props) {
  const { fetched } = draft
  return (
    <>
      {fetched && (
        <div className="space-y-3 rounded-md border p-3 sm:col-span-2">
          <PackageFacts fetched={fetched} />
          <Button size="sm" onClick={() => set({ fetched: null, program: '' })}>
            Use another program
          </Button>
        </div>
      )}
      <Field label="Program" required {...error(fetched ? 'command.package' : 'command.command')}>
        {fetched ? (
          <Select value={draft.program} onChange={(event) => set({ program: event.target.value })}>
            {fetched.facts?.programs.map((program) => (
              <option key={program}>{program}</option>
            ))}
          </Select>
        ) : (
          <Input value={draft.program} onChange={(event) => set({ program: event.target.value })} />
        )}
      </Field>
      <Field label="Names of its variables" hint="Separated by spaces.">
        <Input value={draft.env} onChange={(event) => set({ env: event.target.value })} />
      </Field>
      <Field label="Arguments" hint="One a line." className="sm:col-span-2">
        <Textarea rows={3} value={draft.args} onChange={(event) => set({ args: event.target.value })} />
      </Field>
      <Values draft={draft} set={set} missing={missing} />
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
        Sealed as its credential when it is registered, and shown to nobody again. A probe is given them once.
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

function PackageFacts({ fetched: { name, version, package: reference, facts } }: { fetched: PackageFetchView }) {
  return (
    <Facts>
      <Fact label="Package">
        <code className="break-all">
          {name}@{version}
        </code>
      </Fact>
      <Fact label="Integrity">
        <code className="text-xs break-all">{reference?.integrity}</code>
      </Fact>
      {facts && (
        <>
          <Fact label="Fetched">
            {facts.packages} {facts.packages === 1 ? 'package' : 'packages'}, {Math.ceil(facts.bytes / 1024)} kB
          </Fact>
          {facts.scripts.length > 0 && (
            <Fact label="Scripts not run">
              <span className="break-words">Install scripts of {facts.scripts.join(', ')}.</span>
            </Fact>
          )}
        </>
      )}
    </Facts>
  )
}
