import type { Metadata } from 'next'
import Link from 'next/link'
import { notFound } from 'next/navigation'
import { z } from 'zod'
import { LostPlace } from '#components/ui/lost-place.tsx'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { ConfirmButton } from '#components/ui/confirm-button.client.tsx'
import { plural } from '#components/ui/count.ts'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import { paths } from '#lib/core/paths.ts'
import { getReview } from '#lib/lifecycle/queries.ts'
import { type ReviewCampaignView, type ReviewDecision, reviewShowQuery } from '#lib/lifecycle/schema/reviews.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { orNotFound } from '#lib/web/not-found.ts'
import { readListPage } from '#lib/web/list-page.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { end } from './actions.ts'
import { ReviewItems } from './review-items.client.tsx'

export const metadata: Metadata = { title: 'Scope review' }

type Props = { params: Promise<{ id: string }>; searchParams: SearchParams }

const shows = { all: 'All', open: 'Not answered', mine: 'Mine to decide' } as const
const ends = {
  keep: 'stays as it is',
  narrow: 'is narrowed or revoked as proposed',
  revoke: 'is revoked',
} as const satisfies Record<ReviewDecision, string>

export default async function ReviewPage({ params, searchParams }: Props) {
  const ctx = await currentCtx()
  const { id } = await params
  if (!z.uuid().safeParse(id).success) notFound()
  const search = await readListPage(reviewShowQuery, searchParams, {
    list: (query) => orNotFound(getReview(ctx, { campaignId: id, ...query })),
  })
  if (!search.ok) return <UnreadableSearch title="Scope review" problem={search.error} clearHref={paths.review(id)} />
  const { query, list: campaign, lost } = search.value
  const endProblem = whyNot(ctx.actor, 'reviews:manage')
  return (
    <>
      <PageHeader
        crumbs={[{ href: paths.reviews(), label: 'Scope reviews' }]}
        title={campaign.title}
        badges={campaign.endedAt === null ? <Badge tone="held">open</Badge> : <Badge>ended</Badge>}
        description={
          <>
            Started by {campaign.startedBy.name} <Time value={campaign.startedAt} />
            {campaign.endedAt === null ? ', due ' : ', ended '}
            <Time value={campaign.endedAt ?? campaign.dueAt} />.
          </>
        }
        actions={
          campaign.endedAt === null &&
          (endProblem === null ? (
            <ConfirmButton
              label="End"
              object={`“${campaign.title}”`}
              title={`End “${campaign.title}”`}
              description={`What nobody has answered ${ends[campaign.atEnd]}, at once.`}
              confirm="End it"
              action={end}
              input={{ campaignId: id }}
              said="The campaign has ended."
            />
          ) : (
            <ActionButton size="sm" whyNot={endProblem}>
              End it now
            </ActionButton>
          ))
        }
      />
      <Progress campaign={campaign} />
      <nav aria-label="Which grants" className="my-4 flex flex-wrap gap-1">
        {Object.entries(shows).map(([show, label]) => (
          <Button key={show} asChild size="sm" variant={show === query.show ? 'primary' : 'secondary'}>
            <Link href={hrefWith(paths.review(id), { show })} aria-current={show === query.show ? 'true' : undefined}>
              {label}
            </Link>
          </Button>
        ))}
      </nav>
      {/* Another page is another choice; what was refused on this one stays to be read. */}
      <LostPlace lost={lost} />
      <ReviewItems key={`${query.show} ${query.cursor ?? ''}`} campaign={campaign} />
      {campaign.nextCursor && (
        <Button asChild size="sm" className="mt-3">
          <Link href={hrefWith(paths.review(id), { show: query.show, cursor: campaign.nextCursor })}>More</Link>
        </Button>
      )}
    </>
  )
}

function Progress({ campaign }: { campaign: ReviewCampaignView }) {
  const { progress, waiting, atEnd, query } = campaign
  return (
    <Card title={`${progress.decided} of ${plural(progress.items, 'grant')} decided`}>
      <progress
        value={progress.decided}
        max={progress.items}
        aria-label="Decided"
        className="mb-3 h-2 w-full accent-accent"
      />
      <Facts>
        <Fact label="So far">
          {progress.kept} kept, {progress.narrowed} narrowed, {progress.revoked} revoked
        </Fact>
        {campaign.endedAt === null && (
          <Fact label="Not answered">
            {waiting.length === 0
              ? 'everybody has answered'
              : waiting.map(({ team, items }) => `${team.name} (${items})`).join(', ')}
          </Fact>
        )}
        <Fact label="At the end">what nobody answers {ends[atEnd]}</Fact>
        <Fact label="Over">
          {query === null ? 'grants that were chosen' : query === '' ? 'every agent' : <code>{query}</code>}
        </Fact>
      </Facts>
    </Card>
  )
}
