'use client'

import { useState } from 'react'
import { usePackageFetch } from '#components/servers/use-package-fetch.client.ts'
import { Button } from '#components/ui/button.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input, Select } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { packageArguments, type PackageOption } from '#lib/registry/rules/package-option.ts'
import type { PackageFetchView } from '#lib/registry/schema/packages.ts'
import type { Draft } from './draft.ts'

type Props = { option: PackageOption; onTake: (change: Partial<Draft>) => void }

/** Asks for what the file leaves open, has the package fetched once, and fills the form with it. */
export function PackageWay({ option, onTake }: Props) {
  const [values, setValues] = useState<Record<string, string>>({})
  const [wrong, setWrong] = useState<{ field: string; message: string } | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const { fetchOnce, fetching, said, say } = usePackageFetch()
  async function take(): Promise<void> {
    const filled = packageArguments(option, values)
    setWrong(filled.ok ? null : filled)
    setProblem(null)
    say('')
    if (!filled.ok) return
    const outcome = await fetchOnce(option.package)
    if (!outcome.ok) {
      const { message, field } = outcome.error
      return setProblem(field === null ? message : `${message} (${field})`)
    }
    say('It is fetched, and the form is filled with it.')
    onTake(draftOf(option, { fetched: outcome.value, args: filled.args }))
  }
  return (
    <div className="space-y-3">
      {option.open.map(({ name, description, isRequired, proposed, choices }) => {
        const value = values[name] ?? proposed
        const change = (next: string) => setValues({ ...values, [name]: next })
        return (
          <Field
            key={name}
            label={<code>{name}</code>}
            hint={description}
            required={isRequired}
            {...(wrong?.field === name ? { error: wrong.message } : {})}
          >
            {choices.length > 0 ? (
              <Select value={value} onChange={(event) => change(event.target.value)}>
                {['', ...choices].map((choice) => (
                  <option key={choice} value={choice}>
                    {choice || 'not set'}
                  </option>
                ))}
              </Select>
            ) : (
              <Input value={value} onChange={(event) => change(event.target.value)} />
            )}
          </Field>
        )
      })}
      <p className="text-muted-foreground">
        Fetched once by the worker, verified, and started from those files without network. No script of it runs.
        Fetching goes on when you leave; asking again finds it.
      </p>
      <Button size="sm" pending={fetching} disabled={fetching} onClick={() => void take()}>
        Fetch it and fill the form
      </Button>
      <p role="status">{said}</p>
      {problem && <Notice kind="danger">{problem}</Notice>}
    </div>
  )
}

function draftOf(
  { variables }: PackageOption,
  { fetched, args }: { fetched: PackageFetchView; args: string[] },
): Partial<Draft> {
  return {
    transport: 'stdio',
    fetched,
    program: fetched.facts?.programs[0] ?? '',
    args: args.join('\n'),
    env: variables.map(({ name }) => name).join(' '),
    variables,
    values: Object.fromEntries(variables.flatMap(({ name, proposed }) => (proposed ? [[name, proposed]] : []))),
  }
}
