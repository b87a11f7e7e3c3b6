import type { Metadata } from 'next'
import { DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { FilterForm } from '#components/ui/filter-form.tsx'
import { Select } from '#components/ui/input.tsx'
import { LostPlace } from '#components/ui/lost-place.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Pager } from '#components/ui/pager.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import { can } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { listUnregistered } from '#lib/registry/queries.ts'
import { unregisteredQuery, unregisteredSources, unregisteredStates } from '#lib/registry/schema/unregistered.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { readListPage } from '#lib/web/list-page.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { sourceWords, unregisteredColumns } from './columns.tsx'

export const metadata: Metadata = { title: 'Unregistered' }

export default async function UnregisteredPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const search = await readListPage(unregisteredQuery, searchParams, { list: (query) => listUnregistered(ctx, query) })
  if (!search.ok)
    return <UnreadableSearch title="Unregistered" problem={search.error} clearHref={paths.unregistered()} />
  const { query, list, lost } = search.value
  const may = { adopt: can(ctx.actor, 'agents:create'), whyNotDismiss: whyNot(ctx.actor, 'discovery:manage') }
  const filters = { state: query.state, source: query.source }
  return (
    <>
      <PageHeader
        title="Unregistered"
        crumbs={[{ href: paths.agents(), label: 'Agents' }]}
        description="Agents at Claude that no entry here has, callers that were refused, and what inventories report. Without an entry they get no credential and reach nothing; register each, or say why not."
      />
      <FilterForm action={paths.unregistered()} label="Filter what was found">
        <Select name="state" defaultValue={query.state} aria-label="State" className="w-full sm:w-44">
          {unregisteredStates.map((state) => (
            <option key={state} value={state}>
              {state}
            </option>
          ))}
        </Select>
        <Select
          name="source"
          defaultValue={query.source ?? ''}
          aria-label="Where it was found"
          className="w-full sm:w-56"
        >
          <option value="">found anywhere</option>
          {unregisteredSources.map((source) => (
            <option key={source} value={source}>
              {sourceWords[source]}
            </option>
          ))}
        </Select>
      </FilterForm>
      <LostPlace lost={lost} />
      <DataTable
        caption="What is not registered"
        columns={unregisteredColumns(may)}
        rows={list.items}
        rowKey={(row) => row.id}
        empty={
          <EmptyState title={query.state === 'open' ? 'Nothing waits for a decision' : 'There is none'}>
            Claude is compared with the registry every ten minutes; an inventory is taken with
            <code> wheelhouse unregistered import</code>.
          </EmptyState>
        }
      />
      <Pager
        total={list.total}
        noun="finding"
        prevHref={query.cursor ? hrefWith(paths.unregistered(), filters) : null}
        nextHref={list.nextCursor && hrefWith(paths.unregistered(), { ...filters, cursor: list.nextCursor })}
      />
    </>
  )
}
