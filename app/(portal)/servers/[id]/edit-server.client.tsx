'use client'

import { Pencil, Radar } from 'lucide-react'
import { useState } from 'react'
import { AcceptFindings } from '#components/servers/accept-findings.client.tsx'
import { PlaceFields } from '#components/servers/place-fields.client.tsx'
import { OfferedTools, ProbeFindings } from '#components/servers/probe-findings.tsx'
import { useProbe } from '#components/servers/use-probe.client.ts'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Input } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { openFindings } from '#lib/registry/rules/server-address.ts'
import { type ChangeableServer, differingFrom, followsOf } from '#lib/registry/rules/server-change.ts'
import type { ProbeFindingKind, ProbeReport } from '#lib/registry/schema/probes.ts'
import { changeServer } from './change-actions.ts'

type Props = { server: ChangeableServer; revision: string; whyNot: string | null }

/** Changes what the platform says of a server and where it is reached; what comes with it is shown before anything changes. */
export function EditServer({ server, revision, whyNot }: Props) {
  const [open, setOpen] = useState(false)
  return (
    <>
      <ActionButton size="sm" whyNot={whyNot} aria-haspopup="dialog" onClick={() => setOpen(true)}>
        <Pencil aria-hidden /> Edit…
      </ActionButton>
      <Dialog
        open={open}
        onOpenChange={setOpen}
        className="max-w-2xl"
        title={`Edit ${server.name}`}
        description="Its grants and tools stay. Nothing changes before you save it."
      >
        <EditForm server={server} revision={revision} onClose={() => setOpen(false)} />
      </Dialog>
    </>
  )
}

const shownFields = new Set(['name', 'description', 'environment', 'sensitivity', 'url'])

function EditForm(props: Omit<Props, 'whyNot'> & { onClose: () => void }) {
  // What is changed is what was shown here, whatever the page shows meanwhile.
  const [{ server, revision }] = useState(props)
  const { name, description, environment, sensitivity, url } = server
  const [draft, setDraft] = useState({ name, description, environment, sensitivity, url })
  const [probed, setProbed] = useState<{ url: string; report: ProbeReport } | null>(null)
  const [accepted, setAccepted] = useState<ReadonlySet<ProbeFindingKind>>(new Set())
  const { run, pending, failed, clear } = useAction(changeServer, ({ waits }) => {
    toast.success(
      waits
        ? 'What is lower is proposed: it counts when somebody else confirms it. The rest is changed.'
        : `${draft.name} is changed.`,
    )
    props.onClose()
  })
  const change = differingFrom(server, { ...draft, name: draft.name.trim(), description: draft.description.trim() })
  const follows = followsOf(server, change)
  const isAddress = change.url !== undefined && /^https?:/.test(change.url) && URL.canParse(change.url)
  const report = probed?.url === draft.url ? probed.report : null
  const open = isAddress ? openFindings(draft.url, { report, refusal: failed?.details ?? {} }) : []
  const set = (part: Partial<typeof draft>) => {
    setDraft({ ...draft, ...part })
    if (part.url === undefined) return
    // What was refused and accepted was of another address.
    clear()
    setAccepted(new Set())
  }
  const error = (field: string) => {
    const [message] = failed?.fields[field] ?? []
    return message === undefined ? {} : { error: message }
  }
  return (
    <form
      className="grid grid-cols-1 gap-5"
      onSubmit={(event) => {
        event.preventDefault()
        run({ serverId: server.id, revision, ...change, ...(isAddress ? { acknowledged: [...accepted] } : {}) })
      }}
    >
      <div className="grid grid-cols-1 gap-4 sm:grid-cols-2">
        <Field label="Name" required className="sm:col-span-2" {...error('name')}>
          <Input value={draft.name} autoComplete="off" onChange={(event) => set({ name: event.target.value })} />
        </Field>
        <PlaceFields draft={draft} onChange={set} error={error} />
        {server.transport === 'http' && (
          <Field label="Address" required className="sm:col-span-2" {...error('url')}>
            <Input type="url" value={draft.url} onChange={(event) => set({ url: event.target.value.trim() })} />
          </Field>
        )}
      </div>
      {isAddress && (
        <AddressProbe
          url={draft.url}
          report={report}
          onReport={(report) => {
            // What was refused was refused without it.
            clear()
            setProbed({ url: draft.url, report })
          }}
        />
      )}
      {open.length > 0 && (
        <section>
          <h3 className="mb-2 text-sm font-semibold">What guards it less</h3>
          <p className="mb-3 text-sm text-muted-foreground">Each is accepted by name, and stays with the server.</p>
          <AcceptFindings open={open} accepted={accepted} onChange={setAccepted} />
        </section>
      )}
      {follows.length > 0 && (
        <section>
          <h3 className="mb-2 text-sm font-semibold">What follows</h3>
          <ul className="list-disc space-y-1 pl-5 text-sm">
            {follows.map((line) => (
              <li key={line} className="break-words">
                {line}
              </li>
            ))}
          </ul>
        </section>
      )}
      <FormFooter
        failed={failed}
        always={Object.keys(failed?.fields ?? {}).some((field) => !shownFields.has(field))}
        pending={pending}
        onCancel={props.onClose}
      >
        Save changes
      </FormFooter>
    </form>
  )
}

type ProbeProps = { url: string; report: ProbeReport | null; onReport: (report: ProbeReport) => void }

/** Lets the worker look at the new address before the server is moved there. */
function AddressProbe({ url, report, onReport }: ProbeProps) {
  const { look, looking, failed } = useProbe(onReport)
  return (
    <section className="space-y-3">
      <h3 className="text-sm font-semibold">Probe</h3>
      <p className="text-sm text-muted-foreground">
        The worker looks at the new address without a credential: where it leads, how it is guarded, what it offers.
      </p>
      <Button pending={looking} onClick={() => void look({ url })}>
        <Radar aria-hidden /> Probe
      </Button>
      {failed && <Notice kind="danger">{failed.message}</Notice>}
      {report && (
        <ProbeFindings report={report} isProgram={false}>
          <OfferedTools tools={report.tools} />
        </ProbeFindings>
      )}
    </section>
  )
}
