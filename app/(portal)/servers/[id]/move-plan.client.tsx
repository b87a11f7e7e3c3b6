'use client'

import { Radar } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { AcceptFindings } from '#components/servers/accept-findings.client.tsx'
import { OfferedTools, ProbeFindings } from '#components/servers/probe-findings.tsx'
import { commandOf, isSameCommand, programOf, secretOf } from '#components/servers/program-draft.ts'
import { ProgramFields } from '#components/servers/program-fields.client.tsx'
import { sealValues } from '#components/servers/seal-values.client.ts'
import { keyOf, programInput, useProbe } from '#components/servers/use-probe.client.ts'
import { Button } from '#components/ui/button.tsx'
import { FormFooter } from '#components/ui/form-footer.client.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { toast } from '#components/ui/toast.client.ts'
import { useAction } from '#components/ui/use-action.client.ts'
import { openCommandFindings } from '#lib/registry/rules/server-command.ts'
import type { PackageFetchView } from '#lib/registry/schema/packages.ts'
import type { ProbeFindingKind, ProbeReport } from '#lib/registry/schema/probes.ts'
import { ComparedTools } from './compared-tools.tsx'
import { MoveFacts, type MovedServer, MoveOutcome } from './move-facts.tsx'
import { moveToVersion } from './package-actions.ts'

type Props = { server: MovedServer; revision: string; fetched: PackageFetchView; onClose: () => void }

/** Everything that changes with a version that was fetched, and the one step that makes it so. */
export function MovePlan({ server, revision, fetched, onClose }: Props) {
  const [draft, setDraft] = useState(() => programOf(server.command, fetched))
  const [probed, setProbed] = useState<{ target: string; report: ProbeReport } | null>(null)
  const [accepted, setAccepted] = useState<ReadonlySet<ProbeFindingKind>>(new Set())
  const { run, pending, failed, clear } = useAction(moveToVersion, () => void finish())
  const command = commandOf(draft)
  const target = { command, id: server.id }
  const { look, looking, failed: unprobed } = useProbe((report) => setProbed({ target: keyOf(target), report }))
  const secret = secretOf(draft)
  async function finish(): Promise<void> {
    onClose()
    if (await sealValues(server.id, secret)) toast.success(`${server.name} is started from ${fetched.version} now.`)
    else toast.error(`${server.name} is moved, but its variables are not set. Set them as its credential.`)
  }
  const set = (change: Partial<typeof draft>) => {
    const next = { ...draft, ...change }
    setDraft(next)
    if (keyOf({ ...target, command: commandOf(next) }) === keyOf(target)) return
    // What was refused and accepted was of another program.
    clear()
    setAccepted(new Set())
  }
  if (!fetched.package) return null
  const report = probed?.target === keyOf(target) ? probed.report : null
  const open = openCommandFindings(command, { report, refusal: failed?.details ?? {} })
  const hasProgram = fetched.facts?.programs.includes(server.command.command) === true
  const error = (field: string) => {
    const [message] = failed?.fields[field] ?? []
    return message === undefined ? {} : { error: message }
  }
  return (
    <>
      <Part title="What changes">
        <MoveFacts before={server.command.package} after={fetched.package} facts={fetched.facts} />
      </Part>
      <Part title="How it is started">
        {!hasProgram && (
          <Notice kind="warn" className="mb-3">
            This version has no program <code className="break-all">{server.command.command}</code>: choose one of its
            own.
          </Notice>
        )}
        <div className="grid grid-cols-1 gap-4 sm:grid-cols-2">
          <ProgramFields draft={draft} set={set} error={error} missing={[]} />
        </div>
      </Part>
      <Part title="Probe">
        <div className="space-y-4">
          <p className="text-sm text-muted-foreground">
            This version is started once in the sandbox, with the values above, and what it offers is compared with the
            tools that are there.
          </p>
          <Button pending={looking} disabled={looking} onClick={() => void look(programInput(target, secret))}>
            <Radar aria-hidden /> Probe
          </Button>
          {unprobed && <Notice kind="danger">{unprobed.message}</Notice>}
          {report && (
            <ProbeFindings report={report} isProgram>
              {report.comparison ? (
                <ComparedTools comparison={report.comparison} />
              ) : (
                <OfferedTools tools={report.tools} />
              )}
            </ProbeFindings>
          )}
        </div>
      </Part>
      <Part title="What follows">
        <MoveOutcome
          server={server}
          comparison={report?.comparison ?? null}
          isSet={secret !== null}
          needsValues={command.env.length > 0}
        />
      </Part>
      {isSameCommand(command, server.command) ? (
        <Notice>It is started from exactly this now: nothing would change.</Notice>
      ) : (
        <form
          className="grid grid-cols-1 gap-5"
          onSubmit={(event) => {
            event.preventDefault()
            run({
              serverId: server.id,
              revision,
              command: { ...command, package: fetched.package! },
              acknowledged: [...accepted],
            })
          }}
        >
          {open.length > 0 && (
            <Part title="What guards it less">
              <p className="mb-3 text-sm text-muted-foreground">Each is accepted by name, and stays with the server.</p>
              <AcceptFindings open={open} accepted={accepted} onChange={setAccepted} />
            </Part>
          )}
          <FormFooter always failed={failed} pending={pending} onCancel={onClose}>
            Move to {fetched.version}
          </FormFooter>
        </form>
      )}
    </>
  )
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section>
      <h3 className="mb-2 text-sm font-semibold">{title}</h3>
      {children}
    </section>
  )
}
