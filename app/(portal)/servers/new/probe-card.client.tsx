'use client'

import { Radar } from 'lucide-react'
import { useState } from 'react'
import { OfferedTools, ProbeFindings } from '#components/servers/probe-findings.tsx'
import { type ProbeTarget, programInput, useProbe } from '#components/servers/use-probe.client.ts'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Card } from '#components/ui/card.tsx'
import { Notice } from '#components/ui/notice.tsx'
import type { ProbeReport } from '#lib/registry/schema/probes.ts'
import { CredentialToTry, headerToTry, triedCredential } from './credential-to-try.client.tsx'

type Props = {
  target: ProbeTarget | null
  /** In which a credential is known to go; empty: nothing is known of one. */
  credentialHeader: string
  /** What the variables of a program are set to, to try it with; null: nothing. */
  secret: string | null
  report: ProbeReport | null
  onReport: (report: ProbeReport) => void
}

/** Lets the worker look at the address or the program, and shows what it found. */
export function ProbeCard({ target, credentialHeader, secret, report, onReport }: Props) {
  const [draft, setDraft] = useState(credentialHeader === '' ? null : headerToTry(credentialHeader))
  const { look, looking, failed } = useProbe(onReport)
  const program = target !== null && 'command' in target ? target : null
  const lookAt = (target: ProbeTarget) =>
    look('command' in target ? programInput(target, secret) : { ...target, ...triedCredential(draft) })
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
        {!program && (
          <CredentialToTry draft={draft} change={setDraft} errorOf={(field) => failed?.fields?.[field]?.[0]} />
        )}
        <ActionButton
          whyNot={target ? null : 'Type an http or https address, or a program, first.'}
          pending={looking}
          onClick={() => target && void lookAt(target)}
        >
          <Radar aria-hidden /> Probe
        </ActionButton>
        {failed && <Notice kind="danger">{failed.message}</Notice>}
        {report && (
          <ProbeFindings report={report} isProgram={program !== null}>
            <OfferedTools tools={report.tools} />
          </ProbeFindings>
        )}
      </div>
    </Card>
  )
}
