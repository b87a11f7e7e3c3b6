import type { Metadata } from 'next'
import Link from 'next/link'
import { HeldValues } from '#components/approvals/held-values.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { LostPlace } from '#components/ui/lost-place.tsx'
import { ScopeBadge, Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import { paths } from '#lib/core/paths.ts'
import { listHeldCalls } from '#lib/guardrails/queries/held-calls.ts'
import { type HeldCallView, waitingCallsInput } from '#lib/guardrails/schema/held-calls.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { readListPage } from '#lib/web/list-page.ts'
import type { SearchParams } from '#lib/web/search.ts'
import { WaitingList } from './waiting-list.client.tsx'

export const metadata: Metadata = { title: 'Approvals' }

export default async function ApprovalsPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const search = await readListPage(waitingCallsInput, searchParams, {
    list: (asked) => listHeldCalls(ctx, { ...asked, state: 'waiting', first: 'decidable' }),
  })
  if (!search.ok) return <UnreadableSearch problem={search.error} clearHref={paths.approvals()} />
  const { query: asked, list: waiting, lost } = search.value
  const decided = await listHeldCalls(ctx, { id: asked.id, state: 'decided', limit: 20 })
  return (
    <div className="grid grid-cols-1 gap-6">
      <section aria-label="Waiting">
        <LostPlace lost={lost} />
        <WaitingList key={JSON.stringify(asked)} initial={waiting} asked={asked} />
      </section>
      <section>
        <h2 className="mb-2 text-sm font-semibold">Decided lately</h2>
        <DataTable
          caption="Held calls that were decided"
          columns={decidedColumns}
          rows={decided.items}
          rowKey={(held) => held.id}
          empty={<EmptyState title="Nothing was decided yet">What people decide is listed here.</EmptyState>}
        />
      </section>
    </div>
  )
}

const decidedColumns: readonly Column<HeldCallView>[] = [
  {
    id: 'call',
    header: 'Call',
    cell: (held) => (
      <details className="max-w-xl">
        <summary className="cursor-pointer">
          <span className="font-mono break-all">{held.server ? `${held.server.id}/${held.tool}` : held.tool}</span>{' '}
          {held.class && <ScopeBadge toolClass={held.class} environment={held.server?.environment} />}
        </summary>
        <HeldValues held={held} call={held.tool} />
      </details>
    ),
  },
  {
    id: 'agent',
    header: 'Agent',
    wide: true,
    cell: (held) => (
      <Link
        href={held.runId ? paths.run(held.runId) : paths.agent(held.agent.id)}
        className="text-accent hover:underline"
      >
        {held.agent.name}
      </Link>
    ),
  },
  { id: 'state', header: 'Decision', cell: (held) => <Status state={held.state} /> },
  {
    id: 'by',
    header: 'By',
    cell: (held) => (
      <>
        {held.decidedBy?.name ?? '–'}
        {held.decidedFor && ` for ${held.decidedFor.name}`} · <Time value={held.decidedAt} />
        {held.note && <span className="block max-w-xs text-[13px] text-muted-foreground">{held.note}</span>}
      </>
    ),
  },
  { id: 'rule', header: 'Held because', wide: true, cell: (held) => held.rule.title },
]
