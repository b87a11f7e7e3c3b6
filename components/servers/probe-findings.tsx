import type { ReactNode } from 'react'
import { Badge } from '#components/ui/badge.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { ScopeBadge } from '#components/ui/status.tsx'
import { findingTitle, visibleText } from '#lib/registry/rules/tool-findings.ts'
import { probeFindingKinds, type ProbeReport } from '#lib/registry/schema/probes.ts'
import type { LeftOutTool } from '#lib/registry/schema/tools.ts'

/** What looking at an address or a program has found. */
export function ProbeFindings({
  report,
  isProgram,
  children,
}: {
  report: ProbeReport
  isProgram: boolean
  /** What it offers. */
  children?: ReactNode
}) {
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
            {kind === 'left_out_tools' && (
              <LeftOut label="Entries left out" leftOut={report.leftOut ?? []} total={report.leftOutTotal ?? 0} />
            )}
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
      {children}
    </div>
  )
}

/** What it offers, before anybody has decided about it. */
export function OfferedTools({ tools }: Pick<ProbeReport, 'tools'>) {
  if (tools.length === 0) return null
  return (
    <ul aria-label="Tools it offers" className="divide-y rounded-md border text-sm">
      {tools.map((tool) => (
        <li key={tool.name} className="flex items-start justify-between gap-2 px-3 py-1.5">
          <span className="min-w-0">
            <code className="break-all">{tool.name}</code>
            {tool.findings.length > 0 && (
              <span className="block text-[13px] text-warn">
                {[...new Set(tool.findings.map(({ kind }) => findingTitle(kind)))].join(', ')}
              </span>
            )}
          </span>
          <span className="flex shrink-0 items-center gap-1.5">
            <ScopeBadge toolClass={tool.class} />
            {!tool.annotated && <span className="text-[13px] text-muted-foreground">proposed</span>}
          </span>
        </li>
      ))}
    </ul>
  )
}

/** The first of what is left out, each with why, and how many more there are. */
export function LeftOut({ label, leftOut, total }: { label: string; leftOut: readonly LeftOutTool[]; total: number }) {
  const more = total - leftOut.length
  return (
    <ul aria-label={label} className="mt-1 space-y-0.5 text-[13px]">
      {leftOut.map(({ name, reason }) => (
        <li key={`${name} ${reason}`}>
          <code className="break-all">{visibleText(name)}</code>: {reason}
        </li>
      ))}
      {more > 0 && <li>and {more} more</li>}
    </ul>
  )
}
