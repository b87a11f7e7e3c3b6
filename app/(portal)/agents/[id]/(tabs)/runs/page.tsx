import type { Metadata } from 'next'
import { agentRunColumns } from '#components/runs/run-columns.tsx'
import { DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { LostPlace } from '#components/ui/lost-place.tsx'
import { Pager } from '#components/ui/pager.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import { paths } from '#lib/core/paths.ts'
import { listRuns } from '#lib/harness/queries.ts'
import { runListQuery } from '#lib/harness/schema.ts'
import { readListPage } from '#lib/web/list-page.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'
import { loadAgent } from '../../load-agent.ts'

export const metadata: Metadata = { title: 'Runs' }

type Props = { params: Promise<{ id: string }>; searchParams: SearchParams }

export default async function AgentRunsPage({ params, searchParams }: Props) {
  const { ctx, agent } = await loadAgent((await params).id)
  const search = await readListPage(runListQuery.omit({ agent: true }), searchParams, {
    list: (query) => listRuns(ctx, { ...query, agent: agent.id }),
  })
  if (!search.ok) return <UnreadableSearch problem={search.error} clearHref={paths.agent(agent.id, 'runs')} />
  const { query, list: runs, lost } = search.value
  const here = paths.agent(agent.id, 'runs')
  return (
    <>
      <LostPlace lost={lost} />
      <DataTable
        caption={`Runs of ${agent.name}`}
        columns={agentRunColumns}
        rows={runs.items}
        rowKey={(run) => run.id}
        empty={<EmptyState title="No runs">Start one with “Run now”, or give the agent a schedule.</EmptyState>}
      />
      <Pager
        total={runs.total}
        noun="run"
        prevHref={query.cursor ? hrefWith(here, { ...query, cursor: undefined }) : null}
        nextHref={runs.nextCursor ? hrefWith(here, { ...query, cursor: runs.nextCursor }) : null}
      />
    </>
  )
}
