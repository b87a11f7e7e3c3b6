import { Plus } from 'lucide-react'
import type { Metadata } from 'next'
import { cookies } from 'next/headers'
import Link from 'next/link'
import { WhyForm } from '#components/agents/why-form.tsx'
import { AsOfForm } from '#components/history/as-of-form.tsx'
import { PastBanner } from '#components/history/past-banner.tsx'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Pager } from '#components/ui/pager.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import type { Ctx } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { countUnregistered, getMoment, listViews, searchAgents } from '#lib/registry/queries.ts'
import type { AgentFacets, AgentList, AgentListQuery, AgentRow } from '#lib/registry/schema.ts'
import type { MomentView } from '#lib/registry/schema/history.ts'
import type { CatalogViewRow } from '#lib/registry/schema/views.ts'
import { type Unanswered, unanswered } from '#lib/web/asked-again.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { agentColumns, columnLabels } from './agent-columns.tsx'
import { BulkBar } from './bulk-bar.client.tsx'
import { askedOf, catalogHref } from './catalog-query.ts'
import { besidesText, type Resolved, resolveState, textOf } from './catalog-state.ts'
import { CatalogTools } from './catalog-tools.client.tsx'
import { Chips } from './chips.tsx'
import { ColumnResizer } from './column-resizer.client.tsx'
import { ColumnsMenu } from './columns-menu.client.tsx'
import { Facets } from './facets.tsx'
import { layoutCookie } from './layout-cookie.ts'
import { type Layout, parseLayout } from './parse-layout.ts'
import { SearchBox } from './search-box.client.tsx'
import { SelectionProvider } from './selection.client.tsx'
import { ViewsMenu } from './views-menu.client.tsx'

export const metadata: Metadata = { title: 'Agents' }

export default async function AgentsPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const views = await listViews(ctx)
  const unregistered = await countUnregistered(ctx)
  const layout = parseLayout((await cookies()).get(layoutCookie)?.value)
  const found = await find(ctx, { searchParams, views, layout })
  if ('problem' in found) return <Unreadable ctx={ctx} {...found} />
  const { state, view, dirty, list, facets, moment } = found
  const { q, sort, order, columns, density, asOf } = state
  return (
    <SelectionProvider>
      <PageHeader
        title="Agents"
        description={description}
        badges={unregistered > 0 && <UnregisteredLink count={unregistered} />}
        actions={
          <>
            <ViewsMenu
              views={views}
              view={view}
              dirty={dirty}
              state={{ q, sort, order, columns: [...columns], density }}
              whyNot={{
                save: whyNot(ctx.actor, 'views:own'),
                share: whyNot(ctx.actor, 'views:share'),
                setDefault: whyNot(ctx.actor, 'views:default'),
              }}
            />
            <ColumnsMenu
              key={`${columns.join()} ${density}`}
              columns={columns}
              density={density}
              labels={columnLabels}
              href={catalogHref(state, {})}
            />
            <CatalogTools query={askedOf(state)} columns={columns} />
            {!moment && <NewAgent whyNot={whyNot(ctx.actor, 'agents:create')} />}
          </>
        }
      />
      {moment && <PastBanner moment={moment} nowHref={catalogHref(state, { asOf: undefined })} />}
      <SearchBox
        key={q}
        initial={q}
        hidden={{ view: state.view, sort, order, columns: columns.join(','), density, asOf }}
      />
      <div className="mt-3 xl:grid xl:grid-cols-[9.5rem_minmax(0,1fr)] xl:gap-3 2xl:grid-cols-[12rem_minmax(0,1fr)] 2xl:gap-5">
        <Facets facets={facets} query={state} />
        <div className="min-w-0">
          <Chips query={state} />
          {list.hints.map((hint) => (
            <Notice key={hint.message} kind="warn" className="mb-3">
              {hint.message}
            </Notice>
          ))}
          {!moment && <BulkBar columns={columns} sort={sort} order={order} />}
          <DataTable
            caption="Agents"
            columns={agentColumns(columns, {
              widths: layout.widths,
              ids: moment ? null : list.items.map(({ id }) => id),
              asOf,
            })}
            rows={list.items}
            rowKey={(agent) => agent.id}
            density={density}
            resizer={resizerOf}
            sorting={{
              by: sort,
              order,
              href: (by, next) => catalogHref(state, { sort: by as AgentListQuery['sort'], order: next }),
            }}
            empty={<NoAgents filtered={q !== ''} />}
          />
          <Pager
            total={list.total}
            noun="agent"
            prevHref={list.prevCursor && catalogHref(state, { cursor: list.prevCursor })}
            nextHref={list.nextCursor && catalogHref(state, { cursor: list.nextCursor })}
          />
          <div className="mt-4 flex flex-wrap items-center justify-between gap-3">
            <WhyForm q={q} asOf={asOf} />
            <AsOfForm
              action={paths.agents()}
              asOf={asOf}
              hidden={{ view: state.view, q, sort, order, columns: columns.join(','), density }}
            />
            <Link
              href={hrefWith(paths.agentsDiff(), { q, from: asOf })}
              className="text-[13px] text-accent hover:underline"
            >
              {moment ? 'What has changed since' : 'What has changed since an instant'}
            </Link>
          </div>
        </div>
      </div>
    </SelectionProvider>
  )
}

function resizerOf({ id }: Column<AgentRow>) {
  const label = Object.entries(columnLabels).find(([column]) => column === id)?.[1]
  return label === undefined ? null : <ColumnResizer column={id} label={label} />
}

/** Says that nothing is searched for: the address alone may mean the view a role begins with. */
const everyAgent = `${paths.agents()}?q=`

const description = 'Every agent of the organization: who owns it, what it may touch, what it costs.'

type Found = (Resolved & { list: AgentList; facets: AgentFacets; moment: MomentView | null }) | Unread

/** `along`: what the address says beside the text of the search. */
type Unread = Unanswered & { q: string; along: Record<string, string>; moment: MomentView | null }

async function find(
  ctx: Ctx,
  { searchParams, ...about }: { searchParams: SearchParams; views: CatalogViewRow[]; layout: Layout },
): Promise<Found> {
  try {
    const resolved = await resolveState(searchParams, { ...about, actor: ctx.actor })
    const { q, sort, order, limit, cursor, asOf } = resolved.state
    const moment = asOf === undefined ? null : await getMoment(ctx, { field: 'asOf', value: asOf })
    return { ...resolved, ...(await searchAgents(ctx, { q, sort, order, limit, cursor, asOf })), moment }
  } catch (error) {
    const found = unanswered(error)
    const along = await besidesText(searchParams)
    return { ...found, q: textOf((await searchParams)['q']), along, moment: await momentIn(ctx, along) }
  }
}

/** Null also for an instant that cannot be read; the problem says so then, or does once the text is corrected. */
async function momentIn(ctx: Ctx, { asOf }: Record<string, string>): Promise<MomentView | null> {
  if (asOf === undefined) return null
  return await getMoment(ctx, { field: 'asOf', value: asOf }).catch((error: unknown) => {
    unanswered(error)
    return null
  })
}

function Unreadable({ ctx, problem, code, q, along, moment }: Unread & { ctx: Ctx }) {
  const { asOf, ...besidesTime } = along
  return (
    <>
      <PageHeader
        title="Agents"
        description={description}
        actions={asOf === undefined && <NewAgent whyNot={whyNot(ctx.actor, 'agents:create')} />}
      />
      {moment && <PastBanner moment={moment} nowHref={hrefWith(paths.agents(), { ...besidesTime, q })} />}
      <SearchBox key={q} initial={q} hidden={along} />
      {code === 'rate_limited' || code === 'unavailable' ? (
        <Notice kind="warn" title="There is no answer just now" className="mt-3">
          {problem}{' '}
          <Link href={hrefWith(paths.agents(), { ...along, q })} className="underline underline-offset-2">
            Ask again
          </Link>
        </Notice>
      ) : (
        // Clearing the text leaves the past only with an instant that is none.
        <UnreadableSearch
          problem={problem}
          clearHref={moment && asOf ? `${everyAgent}&asOf=${encodeURIComponent(asOf)}` : everyAgent}
        />
      )}
      {asOf !== undefined && (
        <div className="mt-4">
          <AsOfForm action={paths.agents()} asOf={asOf} hidden={{ ...besidesTime, q }} />
        </div>
      )}
    </>
  )
}

/** Beside the catalog stands what is missing in it. */
function UnregisteredLink({ count }: { count: number }) {
  return (
    <Link href={paths.unregistered()}>
      <Badge tone="warn">{count} unregistered</Badge>
    </Link>
  )
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
            <Link href={everyAgent}>Clear all filters</Link>
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
