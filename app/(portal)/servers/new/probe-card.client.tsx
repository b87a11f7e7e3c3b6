'use client'

import { Radar } from 'lucide-react'
import { useState } from 'react'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Card } from '#components/ui/card.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input } from '#components/ui/input.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { ScopeBadge } from '#components/ui/status.tsx'
import { wordsOf } from '#components/ui/use-action.client.ts'
import { findingTitle } from '#lib/registry/rules/tool-findings.ts'
import { probeFindingKinds, type ProbeReport } from '#lib/registry/schema/probes.ts'
import { probe, readProbe } from './actions.ts'

const everyMs = 700
const triesMax = 60

type Props = { url: string | null; report: ProbeReport | null; onReport: (report: ProbeReport) => void }

/** Lets the worker look at the address, and shows what it found. */
export function ProbeCard({ url, report, onReport }: Props) {
  const [secret, setSecret] = useState('')
  const [state, setState] = useState<{ looking: boolean; problem: string | null }>({ looking: false, problem: null })
  async function look(): Promise<void> {
    if (!url || state.looking) return
    setState({ looking: true, problem: null })
    const problem = await lookAt({ url, secret, onReport }).catch(() => 'The server could not be reached.')
    setState({ looking: false, problem })
  }
  return (
    <Card
      title="Probe"
      description="The worker looks at the address: where it leads, how it is guarded, what it offers."
    >
      <div className="space-y-4">
        <Field
          label="Bearer token to try"
          hint="Tried once and forgotten; the server’s page sets the one that is used."
        >
          <Input
            type="password"
            autoComplete="off"
            value={secret}
            onChange={(event) => setSecret(event.target.value)}
          />
        </Field>
        <ActionButton
          whyNot={url ? null : 'Type an http or https address first.'}
          pending={state.looking}
          onClick={() => void look()}
        >
          <Radar aria-hidden /> Probe
        </ActionButton>
        {state.problem && <Notice kind="danger">{state.problem}</Notice>}
        {report && <Report report={report} />}
      </div>
    </Card>
  )
}

async function lookAt({
  url,
  secret,
  onReport,
}: {
  url: string
  secret: string
  onReport: Props['onReport']
}): Promise<string | null> {
  const asked = await probe({ url, ...(secret ? { credential: { kind: 'bearer' as const, secret } } : {}) })
  if (!asked.ok) return wordsOf(asked.error).message
  for (let tries = 0; tries < triesMax; tries += 1) {
    const read = await readProbe({ probeId: asked.value.probeId })
    if (!read.ok) return wordsOf(read.error).message
    if (read.value.report) {
      onReport(read.value.report)
      return null
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
  return 'The worker has not looked at it yet. Is it running?'
}

function Report({ report }: { report: ProbeReport }) {
  return (
    <div role="status" className="space-y-4">
      <Facts>
        <Fact label="Reachable">{report.reachable ? 'yes' : 'no'}</Fact>
        <Fact label="Addresses">
          <span className="break-all">{report.addresses.join(', ') || 'none'}</span>
        </Fact>
        <Fact label="TLS">{report.tls}</Fact>
        <Fact label="Protocol">
          {report.protocol ? `${report.protocol.version}, ${report.protocol.server}` : 'unknown'}
        </Fact>
        <Fact label="Asks for">
          <span className="break-all">{report.challenge ?? 'nothing'}</span>
        </Fact>
      </Facts>
      <ul className="space-y-1 text-sm">
        {report.findings.map(({ kind, note }) => (
          <li key={kind} className="min-w-0 break-words">
            <Badge tone={probeFindingKinds[kind].relaxed || kind === 'refused_address' ? 'warn' : 'neutral'}>
              {probeFindingKinds[kind].title}
            </Badge>{' '}
            <span className="text-muted-foreground">{note}</span>
          </li>
        ))}
      </ul>
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
