'use client'

import { Pencil } from 'lucide-react'
import { useState } from 'react'
import { AcceptFindings } from '#components/servers/accept-findings.client.tsx'
import { PlaceFields } from '#components/servers/place-fields.client.tsx'
import {
  changedCommand,
  draftOf,
  isSameCommand,
  type ProgramDraft,
  secretOf,
} from '#components/servers/program-draft.ts'
import { ProgramFields } from '#components/servers/program-fields.client.tsx'
import { sealValues } from '#components/servers/seal-values.client.ts'
import { keyOf, type ProbeTarget } from '#components/servers/use-probe.client.ts'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Dialog } from '#components/ui/dialog.client.tsx'
import { Field } from '#components/ui/field.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Input } from '#components/ui/input.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { openFindings } from '#lib/registry/rules/server-address.ts'
import {
  type ChangeableServer,
  differingFrom,
  followsOf,
  type ServerChange,
} from '#lib/registry/rules/server-change.ts'
import { openCommandFindings } from '#lib/registry/rules/server-command.ts'
import type { ProbeFinding, ProbeFindingKind, ProbeReport } from '#lib/registry/schema/probes.ts'
import type { ServerCommand } from '#lib/registry/schema/transport.ts'
import { changeServer } from './change-actions.ts'
import { PlaceProbe } from './place-probe.client.tsx'

type Props = { server: ChangeableServer; revision: string; whyNot: string | null }

/** Changes what the platform says of a server and where it is reached or how it is started; what comes with it is shown before anything changes. */
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

const shownFields = [
  ...['name', 'description', 'environment', 'sensitivity', 'url'],
  ...['command.command', 'command.args', 'command.env'],
]
/** Whether what is said of `key` is said of a field or of a part of it. */
const isOf = (field: string, key: string) => key === field || key.startsWith(`${field}.`)

function EditForm(props: Omit<Props, 'whyNot'> & { onClose: () => void }) {
  // What is changed is what was shown here, whatever the page shows meanwhile.
  const [{ server, revision }] = useState(props)
  const { name, description, environment, sensitivity, url } = server
  const [draft, setDraft] = useState({ name, description, environment, sensitivity, url })
  const [program, setProgram] = useState(server.command && draftOf(server.command, server.packageFetch))
  const [probed, setProbed] = useState<{ target: string; report: ProbeReport } | null>(null)
  const [accepted, setAccepted] = useState<ReadonlySet<ProbeFindingKind>>(new Set())
  const { run, pending, failed, clear } = useAction(changeServer, ({ waits }) => void finish(waits))
  const differing = differingFrom(server, { ...draft, name: draft.name.trim(), description: draft.description.trim() })
  const command = commandIfChanged(server.command, program)
  const change = { ...differing, ...(command ? { command } : {}) }
  const target = targetOf(server.id, change)
  const secret = command && program ? secretOf(program) : null
  const follows = [...followsOf(server, change), ...(command ? valueLines(command, secret) : [])]
  const report = target && probed?.target === keyOf(target) ? probed.report : null
  const open = target ? openAt(target, { report, refusal: failed?.details ?? {} }) : []
  async function finish(waits: boolean): Promise<void> {
    props.onClose()
    if (!(await sealValues(server.id, secret))) {
      toast.error(`${draft.name} is changed, but its variables are not set. Set them as its credential.`)
      return
    }
    toast.success(
      waits
        ? 'What is lower is proposed: it counts when somebody else confirms it. The rest is changed.'
        : `${draft.name} is changed.`,
    )
  }
  // What was refused and accepted was of another address or program.
  const forget = () => {
    clear()
    setAccepted(new Set())
  }
  const set = (part: Partial<typeof draft>) => {
    setDraft({ ...draft, ...part })
    if (part.url !== undefined) forget()
  }
  const setOfProgram = (part: Partial<ProgramDraft>) => {
    if (!program) return
    setProgram({ ...program, ...part })
    if (part.values === undefined) forget()
  }
  const error = (field: string) => {
    const [, messages] = Object.entries(failed?.fields ?? {}).find(([key]) => isOf(field, key)) ?? []
    return messages?.[0] === undefined ? {} : { error: messages[0] }
  }
  return (
    <form
      className="grid grid-cols-1 gap-5"
      onSubmit={(event) => {
        event.preventDefault()
        run({ serverId: server.id, revision, ...change, ...(target ? { acknowledged: [...accepted] } : {}) })
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
        {program && (
          <ProgramFields draft={program} set={setOfProgram} error={error} missing={[]} asksValues={command !== null} />
        )}
      </div>
      {target && (
        <PlaceProbe
          target={target}
          secret={secret}
          report={report}
          onReport={(report) => {
            // What was refused was refused without it.
            clear()
            setProbed({ target: keyOf(target), report })
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
        always={Object.keys(failed?.fields ?? {}).some((key) => !shownFields.some((field) => isOf(field, key)))}
        pending={pending}
        onCancel={props.onClose}
      >
        Save changes
      </FormFooter>
    </form>
  )
}

/** Null: it is started as before. */
function commandIfChanged(before: ServerCommand | null, program: ProgramDraft | null): ServerCommand | null {
  if (!before || !program) return null
  const after = changedCommand(before, program)
  return isSameCommand(before, after) ? null : after
}

/** What can be looked at before the server is moved there; null: it stays, or that is no address. */
function targetOf(id: string, { url, command }: ServerChange): ProbeTarget | null {
  if (command) return { command, id }
  return url !== undefined && /^https?:/.test(url) && URL.canParse(url) ? { url } : null
}

function openAt(target: ProbeTarget, known: Parameters<typeof openFindings>[1]): ProbeFinding[] {
  return 'command' in target ? openCommandFindings(target.command, known) : openFindings(target.url, known)
}

function valueLines({ env }: ServerCommand, secret: string | null): string[] {
  if (secret !== null) return ['The values above are sealed as its new credential.']
  return env.length > 0 ? ['Its variables have no values until they are set on this page, as its credential.'] : []
}
