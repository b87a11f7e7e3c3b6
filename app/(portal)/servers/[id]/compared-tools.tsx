import { LeftOut } from '#components/servers/probe-findings.tsx'
import { ToolFindings } from '#components/servers/tool-findings.tsx'
import { plural } from '#components/ui/count.ts'
import { ScopeBadge } from '#components/ui/status.tsx'
import { comparedText } from '#lib/registry/rules/tool-comparison.ts'
import { visibleText } from '#lib/registry/rules/tool-findings.ts'
import type { ComparedTool, ToolComparison } from '#lib/registry/schema/probes.ts'

/** What becomes of the tools of a server, as the watch of tools would judge them. */
export function ComparedTools({ comparison }: { comparison: ToolComparison }) {
  const { added, changed, removed, unchanged, leftOut } = comparison
  const differing = [...changed, ...added]
  return (
    <div className="space-y-2 text-sm">
      <p>
        Compared with the tools listed now: {added.length} new, {changed.length} changed
        {removed && `, ${removed.length} no longer listed`}, {unchanged} unchanged.
        {!removed && ' Which are no longer listed is not known: not all that it offers was looked at.'}
      </p>
      {differing.length + (removed?.length ?? 0) > 0 && (
        <ul aria-label="Tools that change" className="divide-y rounded-md border">
          {differing.map((tool) => (
            <Changed key={tool.name} tool={tool} />
          ))}
          {removed?.map((name) => (
            <li key={name} className="px-3 py-1.5">
              <code className="break-all">{visibleText(name)}</code>
              <span className="block text-[13px] text-muted-foreground">
                No longer listed; nobody can call it, and its approval stays for exactly that definition
              </span>
            </li>
          ))}
        </ul>
      )}
      {leftOut.length > 0 && (
        <>
          <p>{plural(leftOut.length, 'tool')} could not be compared:</p>
          <LeftOut label="Tools that were not compared" leftOut={leftOut} total={leftOut.length} />
        </>
      )}
    </div>
  )
}

function Changed({ tool }: { tool: ComparedTool }) {
  return (
    <li className="px-3 py-1.5">
      <span className="flex flex-wrap items-center justify-between gap-2">
        <code className="break-all">{visibleText(tool.name)}</code>
        <ScopeBadge toolClass={tool.class} />
      </span>
      <span className={tool.waits ? 'block text-[13px] text-warn' : 'block text-[13px] text-muted-foreground'}>
        {comparedText(tool)}
      </span>
      {tool.findings.length > 0 && (
        <div className="mt-1 text-[13px]">
          <ToolFindings findings={tool.findings} />
        </div>
      )}
    </li>
  )
}
