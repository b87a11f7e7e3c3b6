'use client'

import { useRouter } from 'next/navigation'
import { useRef, useState } from 'react'
import { AcceptFindings } from '#components/servers/accept-findings.client.tsx'
import { PackageFacts } from '#components/servers/package-facts.tsx'
import { PlaceFields } from '#components/servers/place-fields.client.tsx'
import { ProgramFields } from '#components/servers/program-fields.client.tsx'
import { sealValues } from '#components/servers/seal-values.client.ts'
import { keyOf } from '#components/servers/use-probe.client.ts'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { Facts } from '#components/ui/facts.tsx'
import { Field } from '#components/ui/field.tsx'
import { Checkbox, Input, Select } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { useAction } from '#components/ui/use-action.client.ts'
import { toast } from '#components/ui/toast.client.ts'
import { paths } from '#lib/core/paths.ts'
import { dataClasses } from '#lib/registry/schema.ts'
import type { ProbeFindingKind, ProbeReport } from '#lib/registry/schema/probes.ts'
import { register } from './actions.ts'
import { type Draft, emptyDraft, inputOf, missingOf, openOf, programSecretOf, targetOf } from './draft.ts'
import { ImportCard } from './import-card.client.tsx'
import { ProbeCard } from './probe-card.client.tsx'

/** One draft for typing and for importing; what guards the server less is accepted by name before it is registered. */
export function RegisterForm() {
  const router = useRouter()
  const [draft, setDraft] = useState(emptyDraft)
  const [probed, setProbed] = useState<{ target: string; report: ProbeReport } | null>(null)
  const [accepted, setAccepted] = useState<ReadonlySet<ProbeFindingKind>>(new Set())
  const [isTried, setTried] = useState(false)
  const first = useRef<HTMLInputElement>(null)
  const { run, pending, failed, clear } = useAction(register, ({ id }) => void finish(id))
  async function finish(serverId: string): Promise<void> {
    if (await sealValues(serverId, programSecretOf(draft)))
      toast.success(`${draft.name} is registered. Its tools wait for their review.`)
    else toast.error(`${draft.name} is registered, but its variables are not set. Set them as its credential.`)
    router.push(paths.server(serverId))
  }
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
          setTried(true)
          if (missingOf(draft).length === 0) run(inputOf(draft, [...accepted]))
        }}
      >
        <Card title="Server">
          <div className="grid grid-cols-1 gap-4 sm:grid-cols-2">
            <Field label="Name" required hint="As people read it." {...error('name')}>
              <Input ref={first} value={draft.name} onChange={(event) => set({ name: event.target.value })} />
            </Field>
            <Field label="Id" required hint="Lower case, digits, hyphens." {...error('id')}>
              <Input value={draft.id} onChange={(event) => set({ id: event.target.value })} />
            </Field>
            <PlaceFields draft={draft} onChange={set} error={error} />
            <fieldset className="sm:col-span-2">
              <legend className="mb-1 text-sm font-medium">Kinds of data behind it</legend>
              <div className="flex flex-wrap gap-x-4 gap-y-2">
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
              <ProgramFields draft={draft} set={set} error={error} missing={isTried ? missingOf(draft) : []}>
                {draft.fetched?.package && (
                  <div className="space-y-3 rounded-md border p-3 sm:col-span-2">
                    <Facts>
                      <PackageFacts package={draft.fetched.package} facts={draft.fetched.facts} />
                    </Facts>
                    <Button size="sm" onClick={() => set({ fetched: null, program: '' })}>
                      Use another program
                    </Button>
                  </div>
                )}
              </ProgramFields>
            )}
          </div>
        </Card>
        {open.length > 0 && (
          <Card title="What guards it less" description="Each is accepted by name, and stays with the server.">
            <AcceptFindings open={open} accepted={accepted} onChange={setAccepted} />
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
          key={`${draft.transport} ${draft.credentialHeader}`}
          target={target}
          credentialHeader={draft.credentialHeader}
          report={report}
          secret={programSecretOf(draft)}
          onReport={(report) => setProbed({ target: keyOf(target), report })}
        />
        <ImportCard
          onTake={(change) => {
            set({ fetched: null, ...change })
            // On a narrow screen what was filled is far above.
            first.current?.focus()
          }}
        />
      </div>
    </div>
  )
}
