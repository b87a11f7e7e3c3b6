'use client'

import { Radar } from 'lucide-react'
import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Card } from '#components/ui/card.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { ScopeBadge } from '#components/ui/status.tsx'
import { wordsOf } from '#components/ui/use-action.client.ts'
import { findingTitle, visibleText } from '#lib/registry/rules/tool-findings.ts'
import { probeFindingKinds, type ProbeReport } from '#lib/registry/schema/probes.ts'
import type { Draft } from '#components/servers/credential-draft.ts'
import { probe, readProbe } from './actions.ts'
import type { ProbeTarget } from './draft.ts'
import { CredentialToTry, triedCredential } from './credential-to-try.client.tsx'

const everyMs = 700
const triesMax = 80

type Props = {
  target: ProbeTarget | null
  /** What the variables of a program are set to, to try it with; null: nothing. */
  secret: string | null
  report: ProbeReport | null
  onReport: (report: ProbeReport) => void
}
type State = { looking: boolean; problem: string | null; fields: Readonly<Record<string, readonly string[]>> }

/** Lets the worker look at the address or the program, and shows what it found. */
export function ProbeCard({ target, secret, report, onReport }: Props) {
  const [draft, setDraft] = useState<Draft | null>(null)
  const [state, setState] = useState<State>({ looking: false, problem: null, fields: {} })
  const program = target !== null && 'command' in target ? target.command : null
  async function look(): Promise<void> {
    if (!target || state.looking) return
    setState({ looking: true, problem: null, fields: {} })
    const variables = secret === null ? {} : { credential: { kind: 'bearer' as const, secret } }
    const tried = program ? variables : triedCredential(draft)
    const failed = await lookAt({ input: { ...target, ...tried }, onReport }).catch(() => unreached)
    setState({ looking: false, problem: failed?.message ?? null, fields: failed?.fields ?? {} })
  }
  return (
    <Card
      title="Probe"
      description={
        program
          ? 'The program is started once in the sandbox: whether it starts, what it speaks, what it offers.'
          : 'The worker looks at the address: where it leads, how it is guarded, what it offers.'
      }
    >
      <div className="space-y-4">
        {!program && <CredentialToTry draft={draft} change={setDraft} errorOf={(field) => state.fields[field]?.[0]} />}
        <ActionButton
          whyNot={target ? null : 'Type an http or https address, or a program, first.'}
          pending={state.looking}
          onClick={() => void look()}
        >
          <Radar aria-hidden /> Probe
        </ActionButton>
        {state.problem && <Notice kind="danger">{state.problem}</Notice>}
        {report && <Report report={report} isProgram={program !== null} />}
      </div>
    </Card>
  )
}

type Failed = { message: string; fields?: State['fields'] }
const unreached: Failed = { message: 'The server could not be reached.' }

async function lookAt(options: {
  input: Parameters<typeof probe>[0]
  onReport: Props['onReport']
}): Promise<Failed | null> {
  const asked = await probe(options.input)
  if (!asked.ok) return wordsOf(asked.error)
  for (let tries = 0; tries < triesMax; tries += 1) {
    const read = await readProbe({ probeId: asked.value.probeId })
    if (!read.ok) return wordsOf(read.error)
    if (read.value.report) {
      options.onReport(read.value.report)
      return null
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
  return { message: 'The worker has not looked at it yet. Is it running?' }
}

/** What it lists that is no tool, each with why. */
function LeftOut({ report }: { report: ProbeReport }) {
  const leftOut = report.leftOut ?? []
  const more = (report.leftOutTotal ?? 0) - leftOut.length
  return (
    <ul aria-label="Entries left out" className="mt-1 space-y-0.5 text-[13px]">
      {leftOut.map(({ name, reason }) => (
        <li key={`${name} ${reason}`}>
          <code className="break-all">{visibleText(name)}</code>: {reason}
        </li>
      ))}
      {more > 0 && <li>and {more} more</li>}
    </ul>
  )
}

function Report({ report, isProgram }: { report: ProbeReport; isProgram: boolean }) {
  return (
    <div role="status" className="space-y-4">
      <Facts>
        <Fact label={isProgram ? 'Starts' : 'Reachable'}>{report.reachable ? 'yes' : 'no'}</Fact>
        {!isProgram && (
          <>
            <Fact label="Addresses">
              <span className="break-all">{report.addresses.join(', ') || 'none'}</span>
            </Fact>
            <Fact label="TLS">{report.tls}</Fact>
          </>
        )}
        <Fact label="Protocol">
          {report.protocol ? `${report.protocol.version}, ${report.protocol.server}` : 'unknown'}
        </Fact>
        {!isProgram && (
          <Fact label="Asks for">
            <span className="break-all">{report.challenge ?? 'nothing'}</span>
          </Fact>
        )}
        {report.authorizationServer && (
          <Fact label="Names as its authorization server">
            <span className="break-all">{report.authorizationServer}</span>
            <span className="block text-[13px] text-muted-foreground">
              Its own word: compare it with what whoever gave you the client says.
            </span>
          </Fact>
        )}
      </Facts>
      <ul className="space-y-2 text-sm">
        {report.findings.map(({ kind, note }) => (
          <li key={kind} className="min-w-0 wrap-anywhere">
            <Badge tone={probeFindingKinds[kind].relaxed || kind === 'refused_address' ? 'warn' : 'neutral'}>
              {probeFindingKinds[kind].title}
            </Badge>{' '}
            <span className="text-muted-foreground">{note}</span>
            <span className="block text-[13px] text-muted-foreground">{probeFindingKinds[kind].says}</span>
            {kind === 'left_out_tools' && <LeftOut report={report} />}
          </li>
        ))}
      </ul>
      {report.stderr && report.stderr.length > 0 && (
        <div>
          <p className="mb-1 text-sm font-medium">Last of its standard error</p>
          <pre
            className="max-h-60 overflow-auto rounded-md border bg-muted p-2 text-xs whitespace-pre-wrap break-all"
            tabIndex={0}
          >
            {report.stderr.join('\n')}
          </pre>
        </div>
      )}
      {report.tools.length > 0 && (
        <ul aria-label="Tools it offers" className="divide-y rounded-md border text-sm">
          {report.tools.map((tool) => (
            <li key={tool.name} className="flex flex-wrap items-center justify-between gap-2 px-3 py-1.5">
              <span className="min-w-0">
                <code className="break-all">{tool.name}</code>
                {tool.findings.length > 0 && (
                  <span className="block text-[13px] text-warn">
                    {[...new Set(tool.findings.map(({ kind }) => findingTitle(kind)))].join(', ')}
                  </span>
                )}
              </span>
              <span className="flex items-center gap-1.5">
                <ScopeBadge toolClass={tool.class} />
                {!tool.annotated && <span className="text-[13px] text-muted-foreground">proposed</span>}
              </span>
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}
