import Link from 'next/link'
import { Badge } from '#components/ui/badge.tsx'
import type { Column } from '#components/ui/data-table.tsx'
import { Money } from '#components/ui/money.tsx'
import { Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { formatDuration } from '#components/ui/time.ts'
import { paths } from '#lib/core/paths.ts'
import type { RunRow } from '#lib/harness/schema.ts'

export const triggerWords = { manual: 'by hand', schedule: 'schedule', api: 'API', first_run: 'first run' } as const

const run: Column<RunRow> = {
  id: 'run',
  header: 'Run',
  cell: (row) => (
    <Link href={paths.run(row.id)} className="font-medium text-accent hover:underline">
      <Time value={row.createdAt} />
    </Link>
  ),
}

const agent: Column<RunRow> = {
  id: 'agent',
  header: 'Agent',
  cell: (row) => (
    <Link href={paths.agent(row.agentId)} className="hover:underline">
      {row.agentName} <span className="text-xs text-muted-foreground">v{row.agentVersion}</span>
    </Link>
  ),
}

const rest: readonly Column<RunRow>[] = [
  {
    id: 'state',
    header: 'State',
    cell: (row) => (
      <span className="flex flex-wrap items-center gap-1.5">
        <Status state={row.state} />
        {row.simulated && <Badge tone="outline">simulated model</Badge>}
        {row.demo && <Badge tone="outline">demo</Badge>}
      </span>
    ),
  },
  { id: 'trigger', header: 'Started', wide: true, cell: (row) => triggerWords[row.trigger] },
  {
    id: 'took',
    header: 'Took',
    numeric: true,
    wide: true,
    className: 'whitespace-nowrap',
    cell: (row) => duration(row),
  },
  { id: 'calls', header: 'Tool calls', numeric: true, wide: true, cell: (row) => row.toolCalls },
  { id: 'denied', header: 'Denied', numeric: true, wide: true, cell: (row) => row.deniedCalls },
  { id: 'escalations', header: 'Escalations', numeric: true, cell: (row) => row.escalationCount },
  { id: 'cost', header: 'Cost', numeric: true, cell: (row) => <Money micros={row.costMicros} /> },
]

/** Columns of run lists: of the whole fleet, and of one agent. */
export const runColumns: readonly Column<RunRow>[] = [run, agent, ...rest]
export const agentRunColumns: readonly Column<RunRow>[] = [run, ...rest]

function duration(row: Pick<RunRow, 'startedAt' | 'endedAt'>): string {
  if (!row.startedAt || !row.endedAt) return '–'
  return formatDuration(Date.parse(row.endedAt) - Date.parse(row.startedAt))
}
