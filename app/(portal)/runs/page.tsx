import type { Metadata } from 'next'
import { runColumns, triggerWords } from '#components/runs/run-columns.tsx'
import { FilterForm } from '#components/ui/filter-form.tsx'
import { DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Input, Select } from '#components/ui/input.tsx'
import { LostPlace } from '#components/ui/lost-place.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Pager } from '#components/ui/pager.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import { paths } from '#lib/core/paths.ts'
import { listRuns } from '#lib/harness/queries.ts'
import { runListQuery, runStates, runTriggers } from '#lib/harness/schema.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { readListPage } from '#lib/web/list-page.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'

export const metadata: Metadata = { title: 'Runs' }

export default async function RunsPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const search = await readListPage(runListQuery, searchParams, { list: (query) => listRuns(ctx, query) })
  if (!search.ok) return <UnreadableSearch title="Runs" problem={search.error} clearHref={paths.runs()} />
  const { query, list: runs, lost } = search.value
  return (
    <>
      <PageHeader title="Runs" description="Every run of every agent, newest first." />
      <FilterForm action={paths.runs()} label="Filter runs">
        <Input
          name="agent"
          defaultValue={query.agent}
          placeholder="Agent id"
          aria-label="Agent id"
          className="col-span-2 w-full sm:w-64"
        />
        <Select name="state" defaultValue={query.state ?? ''} aria-label="State" className="w-full sm:w-40">
          <option value="">Any state</option>
          {runStates.map((state) => (
            <option key={state}>{state}</option>
          ))}
        </Select>
        <Select name="trigger" defaultValue={query.trigger ?? ''} aria-label="Started by" className="w-full sm:w-52">
          <option value="">Started by anything</option>
          {runTriggers.map((trigger) => (
            <option key={trigger} value={trigger}>
              {triggerWords[trigger]}
            </option>
          ))}
        </Select>
      </FilterForm>
      <LostPlace lost={lost} />
      <DataTable
        caption="Runs"
        columns={runColumns}
        rows={runs.items}
        rowKey={(run) => run.id}
        empty={<EmptyState title="No run matches">Start one from an agent’s page, or change the filter.</EmptyState>}
      />
      <Pager
        total={runs.total}
        noun="run"
        prevHref={query.cursor ? hrefWith(paths.runs(), { ...query, cursor: undefined }) : null}
        nextHref={runs.nextCursor ? hrefWith(paths.runs(), { ...query, cursor: runs.nextCursor }) : null}
      />
    </>
  )
}
