import type { Metadata } from 'next'
import Link from 'next/link'
import { StartReview } from '#components/reviews/start-review.client.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { LostPlace } from '#components/ui/lost-place.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import { paths } from '#lib/core/paths.ts'
import { listReviews } from '#lib/lifecycle/queries.ts'
import { type ReviewCampaignRow, reviewListQuery } from '#lib/lifecycle/schema/reviews.ts'
import { listViews } from '#lib/registry/queries.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { readListPage } from '#lib/web/list-page.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'
import { whyNot } from '#lib/web/why-not.ts'

export const metadata: Metadata = { title: 'Scope reviews' }

export default async function ReviewsPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const search = await readListPage(reviewListQuery, searchParams, { list: (query) => listReviews(ctx, query) })
  if (!search.ok) return <UnreadableSearch title="Scope reviews" problem={search.error} clearHref={paths.reviews()} />
  const { query, list, lost } = search.value
  const views = await listViews(ctx)
  const viewNames = [...new Set(views.map(({ name }) => name))]
  return (
    <>
      <PageHeader
        title="Scope reviews"
        description="Campaigns that ask whoever answers for an agent whether its grants are still needed, by a date."
        actions={<StartReview views={viewNames} whyNot={whyNot(ctx.actor, 'reviews:manage')} />}
      />
      <LostPlace lost={lost} />
      <DataTable
        caption="Campaigns"
        columns={columns}
        rows={list.items}
        rowKey={({ id }) => id}
        empty={
          <EmptyState title="No campaign yet">
            Start one over the agents of a query, or over{' '}
            <Link href={paths.unusedGrants()} className="text-accent underline underline-offset-2">
              grants that could be less
            </Link>
            .
          </EmptyState>
        }
      />
      {list.nextCursor && (
        <Button asChild size="sm" className="mt-3">
          <Link href={hrefWith(paths.reviews(), { state: query.state, cursor: list.nextCursor })}>More</Link>
        </Button>
      )}
    </>
  )
}

const columns: readonly Column<ReviewCampaignRow>[] = [
  {
    id: 'title',
    header: 'Campaign',
    className: 'min-w-40',
    cell: ({ id, title, query, viewName, startedBy }) => (
      <>
        <Link href={paths.review(id)} className="font-medium text-accent hover:underline">
          {title}
        </Link>
        <span className="block text-muted-foreground">
          {startedBy.name}
          {viewName && `, view “${viewName}”`}
          {query && (
            <>
              , <code className="text-xs">{query}</code>
            </>
          )}
        </span>
      </>
    ),
  },
  {
    id: 'decided',
    header: 'Decided',
    numeric: true,
    cell: ({ progress }) => `${progress.decided} of ${progress.items}`,
  },
  {
    id: 'came',
    header: 'Kept, narrowed, revoked',
    wide: true,
    cell: ({ progress }) => `${progress.kept}, ${progress.narrowed}, ${progress.revoked}`,
  },
  { id: 'due', header: 'Due', cell: ({ dueAt, endedAt }) => (endedAt === null ? <Time value={dueAt} /> : '–') },
  {
    id: 'state',
    header: 'State',
    cell: ({ endedAt }) =>
      endedAt === null ? (
        <Badge tone="held">open</Badge>
      ) : (
        <Badge>
          ended <Time value={endedAt} />
        </Badge>
      ),
  },
]
