'use client'

import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input, Select } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { wordsOf } from '#components/ui/use-action.client.ts'
import { packageArguments, type PackageOption } from '#lib/registry/rules/package-option.ts'
import type { PackageFetchView, PackageProgress } from '#lib/registry/schema/packages.ts'
import { fetchPackage, readPackage } from './actions.ts'
import type { Draft } from './draft.ts'

const everyMs = 1000
const triesMax = 240

type Props = { option: PackageOption; onTake: (change: Partial<Draft>) => void }
type State = {
  fetching: boolean
  said: string
  problem: string | null
  wrong: { field: string; message: string } | null
}
const idle: State = { fetching: false, said: '', problem: null, wrong: null }

/** Asks for what the file leaves open, has the package fetched once, and fills the form with it. */
export function PackageWay({ option, onTake }: Props) {
  const [values, setValues] = useState<Record<string, string>>({})
  const [state, setState] = useState(idle)
  async function take(): Promise<void> {
    const filled = packageArguments(option, values)
    if (!filled.ok) return setState({ ...idle, wrong: filled })
    const say = (said: string) => setState({ ...idle, fetching: true, said })
    say(wordsOfProgress(null))
    const outcome = await fetched(option.package, say).catch(() => 'The server could not be reached.')
    if (typeof outcome === 'string') return setState({ ...idle, problem: outcome })
    setState({ ...idle, said: 'It is fetched, and the form is filled with it.' })
    onTake(draftOf(option, { fetched: outcome, args: filled.args }))
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
            {...(state.wrong?.field === name ? { error: state.wrong.message } : {})}
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
      <Button size="sm" pending={state.fetching} disabled={state.fetching} onClick={() => void take()}>
        Fetch it and fill the form
      </Button>
      <p role="status">{state.said}</p>
      {state.problem && <Notice kind="danger">{state.problem}</Notice>}
    </div>
  )
}

/** What was fetched, or why it was not. */
async function fetched(
  input: { name: string; version: string },
  say: (progress: string) => void,
): Promise<PackageFetchView | string> {
  const asked = await fetchPackage(input)
  if (!asked.ok) return wordsOf(asked.error).message
  for (let tries = 0; tries < triesMax; tries += 1) {
    const read = await readPackage({ packageId: asked.value.packageId })
    if (!read.ok) return wordsOf(read.error).message
    if (read.value.problem) return `${read.value.problem.message} (${read.value.problem.field})`
    if (read.value.package) return read.value
    say(wordsOfProgress(read.value.progress))
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
  return 'The worker has not fetched it yet. Is it running?'
}

function wordsOfProgress(progress: PackageProgress | null): string {
  if (!progress) return 'It waits for the worker.'
  const { packages, bytes } = progress
  if (packages === null) return 'Looking for what it depends on.'
  return `Fetching ${packages === 1 ? '1 package' : `${packages} packages`}: ${Math.ceil(bytes / 1024)} kB so far.`
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
