import type { Metadata } from 'next'
import Link from 'next/link'
import { AgentField } from '#components/shell/agent-field.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { FilterForm } from '#components/ui/filter-form.tsx'
import { Input, Select } from '#components/ui/input.tsx'
import { LostPlace } from '#components/ui/lost-place.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Pager } from '#components/ui/pager.tsx'
import { ScopeBadge, Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import { paths } from '#lib/core/paths.ts'
import { listScopeRequests } from '#lib/scopes/queries.ts'
import { scopeRequestListQuery, type ScopeRequestRow, scopeRequestStates } from '#lib/scopes/schema.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { readListPage } from '#lib/web/list-page.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'

export const metadata: Metadata = { title: 'Scope requests' }

export default async function RequestsPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const search = await readListPage(scopeRequestListQuery, searchParams, {
    list: (query) => listScopeRequests(ctx, query),
  })
  if (!search.ok) return <UnreadableSearch title="Scope requests" problem={search.error} clearHref={paths.requests()} />
  const { query, list: requests, lost } = search.value
  return (
    <>
      <PageHeader
        title="Scope requests"
        description={`What agents ask to be allowed. ${query.state === 'pending' ? 'The oldest' : 'The newest'} comes first; nobody decides on their own.`}
        actions={
          <>
            <Button asChild size="sm">
              <Link href={paths.approvalPolicy()}>Who approves</Link>
            </Button>
            <Button asChild size="sm">
              <Link href={paths.unusedGrants()}>Could be less</Link>
            </Button>
            <Button asChild size="sm">
              <Link href={paths.breakGlass()}>Break-glass</Link>
            </Button>
          </>
        }
      />
      <FilterForm action={paths.requests()} label="Filter scope requests">
        <Select name="state" defaultValue={query.state ?? ''} aria-label="State" className="w-40">
          <option value="">Any state</option>
          {scopeRequestStates.map((state) => (
            <option key={state} value={state}>
              {state.replace('_', ' ')}
            </option>
          ))}
        </Select>
        <AgentField name="agentId" defaultId={query.agentId} className="sm:w-52" />
        <Input
          name="serverId"
          defaultValue={query.serverId}
          placeholder="Server id"
          aria-label="Server id"
          className="w-full sm:w-40"
        />
      </FilterForm>
      <LostPlace lost={lost} />
      <DataTable
        caption="Scope requests"
        columns={columns}
        rows={requests.items}
        rowKey={(request) => request.id}
        empty={
          <EmptyState title="No request matches">
            A scope is asked for while creating an agent, or from the scopes tab of its page.
          </EmptyState>
        }
      />
      <Pager
        total={requests.total}
        noun="request"
        prevHref={query.cursor ? hrefWith(paths.requests(), { ...query, cursor: undefined }) : null}
        nextHref={requests.nextCursor ? hrefWith(paths.requests(), { ...query, cursor: requests.nextCursor }) : null}
      />
    </>
  )
}

const columns: readonly Column<ScopeRequestRow>[] = [
  {
    id: 'scope',
    header: 'Scope',
    cell: (row) => (
      <Link href={paths.request(row.id)} className="hover:underline">
        <ScopeBadge
          serverId={row.server.id}
          toolClass={row.class}
          toolNames={row.toolNames}
          environment={row.server.environment}
        />
      </Link>
    ),
  },
  {
    id: 'agent',
    header: 'For',
    className: 'max-w-60 md:max-w-md',
    cell: (row) => (
      <>
        <Link href={paths.agent(row.agent.id)} className="font-medium text-accent hover:underline">
          {row.agent.name}
        </Link>
        <p className="text-[13px] text-muted-foreground">{row.agent.owner.name}</p>
      </>
    ),
  },
  { id: 'reason', header: 'Reason', wide: true, cell: (row) => <p className="line-clamp-2 max-w-md">{row.reason}</p> },
  { id: 'by', header: 'Asked by', wide: true, cell: (row) => row.requestedBy.name },
  { id: 'age', header: 'Age', cell: (row) => <Time value={row.createdAt} /> },
  { id: 'due', header: 'Due', wide: true, cell: (row) => (row.state === 'pending' ? <Time value={row.dueAt} /> : '–') },
  { id: 'state', header: 'State', cell: (row) => <Status state={row.state} /> },
]
