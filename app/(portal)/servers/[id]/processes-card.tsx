import { Badge, type Tone } from '#components/ui/badge.tsx'
import { Card } from '#components/ui/card.tsx'
import { plural } from '#components/ui/count.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { RefreshWhile } from '#components/ui/refresh-while.client.tsx'
import { Time } from '#components/ui/time.client.tsx'
import type { Ctx } from '#lib/auth/ctx.ts'
import { getServerProcesses } from '#lib/registry/queries.ts'
import type { StdioProcessView } from '#lib/registry/schema/processes.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { BoundarySelect } from './boundary-select.client.tsx'

/** The processes the platform runs of a server over stdio: whose they are, how they are, and why they failed. Nothing for other servers. */
export async function ProcessesCard({ ctx, serverId }: { ctx: Ctx; serverId: string }) {
  const found = await getServerProcesses(ctx, serverId)
  if (!found) return null
  const { boundary, processes } = found
  const isMoving = processes.some(({ state }) => state === 'starting' || state === 'backing_off')
  return (
    <Card
      title="Processes"
      description="Each runs in a sandbox of its own, without network, from its first request until ten minutes without one. Brokers list the tools every minute, so the process that lists them stays."
    >
      <RefreshWhile active={isMoving} everyMs={3000} />
      <div className="grid gap-4">
        <BoundarySelect serverId={serverId} boundary={boundary} whyNot={whyNot(ctx.actor, 'servers:manage')} />
        <DataTable
          caption="Processes of this server"
          columns={boundary === 'server' ? sharedColumns : dividedColumns}
          rows={processes}
          rowKey={({ owner, instance }) => `${owner} ${instance}`}
          empty={
            <EmptyState title="No process was started yet">
              The broker’s first request starts one: it lists the tools once a minute.
            </EmptyState>
          }
        />
      </div>
    </Card>
  )
}

const looks: Record<StdioProcessView['state'], { tone: Tone; label: string }> = {
  stopped: { tone: 'neutral', label: 'idle' },
  starting: { tone: 'accent', label: 'starting' },
  running: { tone: 'ok', label: 'running' },
  backing_off: { tone: 'warn', label: 'restarts soon' },
  crash_loop: { tone: 'danger', label: 'crash loop' },
  lost: { tone: 'danger', label: 'sandbox service is silent' },
}

const restColumns: readonly Column<StdioProcessView>[] = [
  {
    id: 'state',
    header: 'State',
    className: 'min-w-48',
    cell: (process) => (
      <>
        <Badge tone={looks[process.state].tone}>{looks[process.state].label}</Badge>
        {process.lastError && (
          <span className="mt-0.5 block text-[13px] text-muted-foreground">
            Failed {plural(process.restarts, 'time')}, at last because {process.lastError}.
          </span>
        )}
        {process.stderr.length > 0 && (
          <details className="mt-0.5 max-w-2xl text-[13px] text-muted-foreground">
            <summary>End of its standard error ({plural(process.stderr.length, 'line')})</summary>
            <pre className="mt-1 overflow-x-auto rounded-md bg-muted p-2 font-mono text-xs whitespace-pre-wrap break-all">
              {process.stderr.join('\n')}
            </pre>
          </details>
        )}
      </>
    ),
  },
  { id: 'restarts', header: 'Failures', numeric: true, wide: true, cell: ({ restarts }) => restarts },
  { id: 'memory', header: 'Memory', numeric: true, wide: true, cell: ({ memoryBytes }) => megabytes(memoryBytes) },
  { id: 'since', header: 'Since', wide: true, cell: ({ changedAt }) => <Time value={changedAt} /> },
]

const sharedColumns = [ownerColumn('all agents'), ...restColumns]
const dividedColumns = [ownerColumn('listing tools'), ...restColumns]

/** @param shared what the server's own process is for */
function ownerColumn(shared: string): Column<StdioProcessView> {
  return {
    id: 'owner',
    header: 'For',
    cell: ({ owner, instance }) => (
      <>
        <span className="font-medium">{owner === 'server' ? shared : owner.replace(':', ' ')}</span>
        <span className="block text-[13px] text-muted-foreground">on {instance.split('/')[0]}</span>
      </>
    ),
  }
}

function megabytes(bytes: number | null): string {
  return bytes === null ? '–' : `${Math.round(bytes / (1 << 20))} MB`
}
