'use client'

import { Radar } from 'lucide-react'
import { OfferedTools, ProbeFindings } from '#components/servers/probe-findings.tsx'
import { type ProbeTarget, programInput, useProbe } from '#components/servers/use-probe.client.ts'
import { Button } from '#components/ui/button.tsx'
import { Notice } from '#components/ui/notice.tsx'
import type { ProbeReport } from '#lib/registry/schema/probes.ts'
import { ComparedTools } from './compared-tools.tsx'

type Props = {
  target: ProbeTarget
  /** What the variables of a program are set to, to try it with; null: nothing. */
  secret: string | null
  report: ProbeReport | null
  onReport: (report: ProbeReport) => void
}

/** Lets the worker look at the new address, or start the program once, before the server is moved there. */
export function PlaceProbe({ target, secret, report, onReport }: Props) {
  const { look, looking, failed } = useProbe(onReport)
  const isProgram = 'command' in target
  return (
    <section className="space-y-3">
      <h3 className="text-sm font-semibold">Probe</h3>
      <p className="text-sm text-muted-foreground">
        {isProgram
          ? 'It is started once in the sandbox, with the values above: whether it starts, what it speaks, what it offers.'
          : 'The worker looks at the new address without a credential: where it leads, how it is guarded, what it offers.'}
      </p>
      <Button pending={looking} onClick={() => void look(programInput(target, secret))}>
        <Radar aria-hidden /> Probe
      </Button>
      {failed && <Notice kind="danger">{failed.message}</Notice>}
      {report && (
        <ProbeFindings report={report} isProgram={isProgram}>
          {report.comparison ? <ComparedTools comparison={report.comparison} /> : <OfferedTools tools={report.tools} />}
        </ProbeFindings>
      )}
    </section>
  )
}
