'use client'

import { useRouter } from 'next/navigation'
import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { Field } from '#components/ui/field.tsx'
import { Checkbox, Input, Select, Textarea } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import { paths } from '#lib/core/paths.ts'
import { openFindings } from '#lib/registry/rules/server-address.ts'
import { openCommandFindings } from '#lib/registry/rules/server-command.ts'
import type { ServerJsonOption } from '#lib/registry/rules/server-json.ts'
import {
  type DataClass,
  dataClasses,
  type Environment,
  environments,
  sensitivities,
  type Sensitivity,
} from '#lib/registry/schema.ts'
import { probeFindingKinds, type ProbeFindingKind, type ProbeReport } from '#lib/registry/schema/probes.ts'
import type { ServerCommand } from '#lib/registry/schema/transport.ts'
import { register } from './actions.ts'
import { ImportCard } from './import-card.client.tsx'
import { ProbeCard, type ProbeTarget } from './probe-card.client.tsx'

type Draft = {
  id: string
  name: string
  description: string
  transport: 'http' | 'stdio'
  url: string
  program: string
  args: string
  env: string
  environment: Environment
  sensitivity: Sensitivity
  dataClasses: DataClass[]
}
const empty: Draft = {
  id: '',
  name: '',
  description: '',
  transport: 'http',
  url: '',
  program: '',
  args: '',
  env: '',
  environment: 'staging',
  sensitivity: 'internal',
  dataClasses: [],
}

/** One draft for typing and for importing; what guards the server less is accepted by name before it is registered. */
export function RegisterForm() {
  const router = useRouter()
  const [draft, setDraft] = useState(empty)
  const [probed, setProbed] = useState<{ target: string; report: ProbeReport } | null>(null)
  const [accepted, setAccepted] = useState<ReadonlySet<ProbeFindingKind>>(new Set())
  const { run, pending, failed, clear } = useAction(register, ({ id }) => {
    toast.success(`${draft.name} is registered. Its tools wait for their review.`)
    router.push(paths.server(id))
  })
  const target = targetOf(draft)
  const set = (change: Partial<Draft>) => {
    const next = { ...draft, ...change }
    setDraft(next)
    if (keyOf(targetOf(next)) === keyOf(target)) return
    // What was refused and accepted was of another address or program.
    clear()
    setAccepted(new Set())
  }
  const isHttp = draft.transport === 'http'
  const report = target && probed?.target === keyOf(target) ? probed.report : null
  const open = target ? openOf(target, { report, refusal: failed?.details ?? {} }) : []
  const error = (field: string) => {
    const [message] = failed?.fields[field] ?? []
    return message === undefined ? {} : { error: message }
  }
  return (
    <div className="grid grid-cols-1 items-start gap-5 xl:grid-cols-2">
      <form
        className="space-y-5"
        onSubmit={(event) => {
          event.preventDefault()
          run(inputOf(draft, [...accepted]))
        }}
      >
        <Card title="Server">
          <div className="grid grid-cols-1 gap-4 sm:grid-cols-2">
            <Field label="Name" required {...error('name')}>
              <Input value={draft.name} onChange={(event) => set({ name: event.target.value })} />
            </Field>
            <Field label="Id" required hint="Lower-case letters, digits and hyphens." {...error('id')}>
              <Input value={draft.id} onChange={(event) => set({ id: event.target.value })} />
            </Field>
            <Field label="What it offers" className="sm:col-span-2" {...error('description')}>
              <Input value={draft.description} onChange={(event) => set({ description: event.target.value })} />
            </Field>
            <Field label="Environment">
              <Select
                value={draft.environment}
                onChange={(event) => set({ environment: event.target.value as Environment })}
              >
                {environments.map((one) => (
                  <option key={one}>{one}</option>
                ))}
              </Select>
            </Field>
            <Field label="Sensitivity of its data">
              <Select
                value={draft.sensitivity}
                onChange={(event) => set({ sensitivity: event.target.value as Sensitivity })}
              >
                {sensitivities.map((one) => (
                  <option key={one}>{one}</option>
                ))}
              </Select>
            </Field>
            <fieldset className="sm:col-span-2">
              <legend className="mb-1 text-sm font-medium">Kinds of data behind it</legend>
              <div className="flex flex-wrap gap-x-4 gap-y-1">
                {dataClasses.map((word) => (
                  <label key={word} className="flex items-center gap-2 text-sm">
                    <Checkbox
                      checked={draft.dataClasses.includes(word)}
                      onChange={(event) =>
                        set({
                          dataClasses: dataClasses.filter((each) =>
                            each === word ? event.target.checked : draft.dataClasses.includes(each),
                          ),
                        })
                      }
                    />
                    {word.replaceAll('_', ' ')}
                  </label>
                ))}
              </div>
            </fieldset>
            <Field label="Reached" className="sm:col-span-2">
              <Select
                value={draft.transport}
                onChange={(event) => set({ transport: event.target.value as Draft['transport'] })}
              >
                <option value="http">at an address (Streamable HTTP)</option>
                <option value="stdio">as a program in the sandbox (stdio)</option>
              </Select>
            </Field>
            {isHttp ? (
              <Field label="Address" required className="sm:col-span-2" {...error('url')}>
                <Input
                  type="url"
                  value={draft.url}
                  placeholder="https://"
                  onChange={(event) => set({ url: event.target.value.trim() })}
                />
              </Field>
            ) : (
              <>
                <Field label="Program" required {...error('command.command')}>
                  <Input value={draft.program} onChange={(event) => set({ program: event.target.value })} />
                </Field>
                <Field label="Names of its variables" hint="Separated by spaces; their values are set as a credential.">
                  <Input value={draft.env} onChange={(event) => set({ env: event.target.value })} />
                </Field>
                <Field label="Arguments" hint="One a line." className="sm:col-span-2">
                  <Textarea rows={3} value={draft.args} onChange={(event) => set({ args: event.target.value })} />
                </Field>
              </>
            )}
          </div>
        </Card>
        {open.length > 0 && (
          <Card title="What guards it less" description="Each is accepted by name, and stays with the server.">
            <ul className="space-y-3">
              {open.map(({ kind, note }) => (
                <li key={kind}>
                  <label className="flex items-start gap-2 text-sm">
                    <Checkbox
                      className="mt-0.5"
                      checked={accepted.has(kind)}
                      onChange={(event) => setAccepted(toggled(accepted, kind, event.target.checked))}
                    />
                    <span className="min-w-0">
                      <span className="font-medium">{probeFindingKinds[kind].title}</span>:{' '}
                      {probeFindingKinds[kind].says}
                      <span className="block text-[13px] break-words text-muted-foreground">{note}</span>
                    </span>
                  </label>
                </li>
              ))}
            </ul>
          </Card>
        )}
        {failed && (
          <Notice kind="danger" requestId={failed.requestId}>
            {failed.message}
          </Notice>
        )}
        <Button type="submit" variant="primary" pending={pending} disabled={pending}>
          Register
        </Button>
      </form>
      <div className="grid min-w-0 grid-cols-1 gap-5">
        <ProbeCard
          key={draft.transport}
          target={target}
          report={report}
          onReport={(report) => setProbed({ target: keyOf(target), report })}
        />
        <ImportCard onTake={(proposal, option) => set({ ...proposal, ...whereOf(option) })} />
      </div>
    </div>
  )
}

/** What is registered, if that is clear already. */
function targetOf(draft: Draft): ProbeTarget | null {
  if (draft.transport === 'http') {
    const isAddress = URL.canParse(draft.url) && /^https?:/.test(draft.url)
    return isAddress ? { url: draft.url } : null
  }
  const command = commandOf(draft)
  return command.command === '' ? null : { command, ...(draft.id === '' ? {} : { id: draft.id }) }
}

/** A program is another one in the folder of another server. */
function keyOf(target: ProbeTarget | null): string {
  return JSON.stringify(target)
}

function openOf(target: ProbeTarget, known: Parameters<typeof openFindings>[1]) {
  return 'url' in target ? openFindings(target.url, known) : openCommandFindings(target.command, known)
}

function commandOf(draft: Draft): ServerCommand {
  return {
    command: draft.program.trim(),
    args: draft.args.split('\n').filter((line) => line !== ''),
    env: draft.env.split(/\s+/).filter(Boolean),
  }
}

function inputOf(draft: Draft, acknowledged: ProbeFindingKind[]) {
  const { id, name, description, environment, sensitivity, dataClasses: kinds } = draft
  const where =
    draft.transport === 'http'
      ? { transport: 'http' as const, url: draft.url }
      : { transport: 'stdio' as const, command: commandOf(draft) }
  return { id, name, description, environment, sensitivity, dataClasses: kinds, ...where, acknowledged }
}

function whereOf(option: ServerJsonOption): Partial<Draft> {
  if (option.transport === 'http') return { transport: 'http', url: option.url }
  const { command, args, env } = option.command
  return { transport: 'stdio', program: command, args: args.join('\n'), env: env.join(' ') }
}

function toggled<T>(before: ReadonlySet<T>, one: T, isIn: boolean): ReadonlySet<T> {
  const after = new Set(before)
  if (isIn) after.add(one)
  else after.delete(one)
  return after
}
