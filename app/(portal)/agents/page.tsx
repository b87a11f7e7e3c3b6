import { Plus } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Pager } from '#components/ui/pager.tsx'
import type { Ctx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { paths } from '#lib/core/paths.ts'
import { searchAgents } from '#lib/registry/queries.ts'
import { type AgentFacets, type AgentList, agentListQuery, type AgentListQuery } from '#lib/registry/schema.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { hrefWith, parseSearch, type SearchParams } from '#lib/web/search.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { agentColumns } from './agent-columns.tsx'
import { asOneQuery, catalogHref, filtersOf } from './catalog-query.ts'
import { CatalogTools } from './catalog-tools.client.tsx'
import { Chips } from './chips.tsx'
import { Facets } from './facets.tsx'
import { SearchBox } from './search-box.client.tsx'

export const metadata: Metadata = { title: 'Agents' }

export default async function AgentsPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const found = await find(ctx, await parseSearch(agentListQuery, searchParams))
  const { query } = found
  return (
    <>
      <PageHeader
        title="Agents"
        description="Every agent of the organization: who owns it, what it may touch, what it costs."
        actions={
          <>
            <CatalogTools query={filtersOf(query)} />
            <NewAgent whyNot={whyNot(ctx.actor, 'agents:create')} />
          </>
        }
      />
      <SearchBox
        key={query.q}
        initial={query.q}
        hidden={{ ...filtersOf(query), q: undefined, sort: query.sort, order: query.order }}
      />
      {'problem' in found ? (
        <Notice kind="warn" title="The search could not be read" className="mt-3">
          {found.problem}
          <Link href={paths.agents()} className="ml-1 underline">
            Clear the search
          </Link>
        </Notice>
      ) : (
        <div className="mt-3 xl:grid xl:grid-cols-[10.5rem_minmax(0,1fr)] xl:gap-4 2xl:grid-cols-[12rem_minmax(0,1fr)] 2xl:gap-5">
          <Facets facets={found.facets} query={query} />
          <div className="min-w-0">
            <Chips query={query} />
            {found.list.hints.map((hint) => (
              <Notice key={hint.message} kind="warn" className="mb-3">
                {hint.message}
              </Notice>
            ))}
            <DataTable
              caption="Agents"
              columns={agentColumns}
              rows={found.list.items}
              rowKey={(agent) => agent.id}
              sorting={{
                by: query.sort,
                order: query.order,
                href: (by, order) => catalogHref(query, { sort: by as AgentListQuery['sort'], order }),
              }}
              empty={<NoAgents filtered={Object.keys(filtersOf(query)).length > 0} />}
            />
            <Pager
              total={found.list.total}
              noun="agent"
              prevHref={found.list.prevCursor && hrefWith(paths.agents(), { ...query, cursor: found.list.prevCursor })}
              nextHref={found.list.nextCursor && hrefWith(paths.agents(), { ...query, cursor: found.list.nextCursor })}
            />
          </div>
        </div>
      )}
    </>
  )
}

type Found = { query: AgentListQuery } & ({ list: AgentList; facets: AgentFacets } | { problem: string })

async function find(ctx: Ctx, given: AgentListQuery): Promise<Found> {
  try {
    const query = asOneQuery(given)
    return { query, ...(await searchAgents(ctx, query)) }
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== 'invalid') throw error
    const { column } = error.details
    return { query: given, problem: `${error.message}${typeof column === 'number' ? ` (at character ${column})` : ''}` }
  }
}

function NewAgent({ whyNot }: { whyNot: string | null }) {
  const content = (
    <>
      <Plus aria-hidden /> New agent
    </>
  )
  if (whyNot) {
    return (
      <ActionButton variant="primary" whyNot={whyNot}>
        {content}
      </ActionButton>
    )
  }
  return (
    <Button asChild variant="primary">
      <Link href={paths.newAgent()}>{content}</Link>
    </Button>
  )
}

function NoAgents({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return (
      <EmptyState
        title="No agent matches"
        action={
          <Button asChild>
            <Link href={paths.agents()}>Clear all filters</Link>
          </Button>
        }
      >
        Take away a filter, or search for a part of a name.
      </EmptyState>
    )
  }
  return (
    <EmptyState
      title="There are no agents yet"
      action={
        <Button asChild variant="primary">
          <Link href={paths.newAgent()}>Create the first one</Link>
        </Button>
      }
    >
      An agent starts from a golden template and gets its credentials because it is registered here.
    </EmptyState>
  )
}
