import Link from 'next/link'
import { Badge } from '#components/ui/badge.tsx'
import type { Column } from '#components/ui/data-table.tsx'
import { ScopeBadge, Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import { findingTitle, visibleText } from '#lib/registry/rules/tool-findings.ts'
import { classText } from '#lib/registry/schema/tool-words.ts'
import type { ToolView } from '#lib/registry/schema.ts'

/** The columns of a list of one server's tools. */
export function toolColumnsOf(serverId: string): readonly Column<ToolView>[] {
  return [
    {
      id: 'tool',
      header: 'Tool',
      className: 'w-full min-w-36 md:min-w-56',
      cell: (tool) => (
        <>
          <Link
            href={paths.serverTool(serverId, tool.name)}
            className="font-mono font-medium break-all text-accent hover:underline"
          >
            {tool.name}
          </Link>
          <span className="line-clamp-2 max-w-2xl text-[13px] text-muted-foreground">
            {visibleText(tool.title ?? (tool.description || 'No description'))}
          </span>
        </>
      ),
    },
    {
      id: 'class',
      header: 'Class',
      cell: (tool) => (
        <>
          <ScopeBadge toolClass={tool.class} /> {tool.lowered && <Badge tone="warn">lowered</Badge>}
          {tool.classSource === 'platform' && (
            <span className="block max-w-xs text-[13px] text-muted-foreground">{classText(tool)}</span>
          )}
        </>
      ),
    },
    {
      id: 'state',
      header: 'State',
      className: 'md:min-w-48',
      cell: (tool) => (
        <>
          <Status state={tool.state} /> <Verdict tool={tool} />
          {tool.findings.length > 0 && (
            <span className="block text-[13px] text-muted-foreground">
              {[...new Set(tool.findings.map(({ kind }) => findingTitle(kind)))].join(', ')}
            </span>
          )}
        </>
      ),
    },
    { id: 'seen', header: 'Last seen', wide: true, cell: (tool) => <Time value={tool.lastSeenAt} /> },
    {
      id: 'simulate',
      header: <span className="sr-only">Simulate</span>,
      wide: true,
      cell: (tool) => (
        <Link
          href={paths.simulate({ server: serverId, tool: tool.name })}
          aria-label={`Simulate a call of ${tool.name}`}
          className="text-[13px] underline underline-offset-2"
        >
          Simulate
        </Link>
      ),
    },
  ]
}

/** How the listed definition stands to the approved one, where that is news. */
function Verdict({ tool }: { tool: ToolView }) {
  if (tool.rejected) return <Badge tone="danger">rejected</Badge>
  if (tool.verdict === 'suspended') return <Badge tone="warn">changed</Badge>
  if (tool.verdict === 'wording') return <Badge>other wording</Badge>
  if (tool.verdict === 'narrower') return <Badge tone="warn">takes less</Badge>
  return null
}
