import { Siren } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { LostPlace } from '#components/ui/lost-place.tsx'
import { formatCount, plural } from '#components/ui/count.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { ScopeBadge } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import type { Actor } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { listBreakGlassPage } from '#lib/scopes/queries.ts'
import { breakGlassListQuery, type BreakGlassView } from '#lib/scopes/schema/break-glass.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { readListPage } from '#lib/web/list-page.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'
import { whyNotTakeBack } from '#lib/web/why-not.ts'
import { revokeEmergency } from './actions.ts'
import { ReviewBreakGlass } from './review-break-glass.client.tsx'

export const metadata: Metadata = { title: 'Break-glass' }

export default async function BreakGlassPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const search = await readListPage(breakGlassListQuery, searchParams, {
    list: (query) => listBreakGlassPage(ctx, query),
  })
  if (!search.ok) return <UnreadableSearch title="Break-glass" problem={search.error} clearHref={paths.breakGlass()} />
  const {
    query,
    list: { items, nextCursor },
    lost,
  } = search.value
  const history = query.state === 'all'
  return (
    <>
      <PageHeader
        crumbs={[{ href: paths.requests(), label: 'Scope requests' }]}
        title="Break-glass"
        description="Scopes that somebody on call took in an emergency: for four hours at most, seen by everybody, reviewed by somebody else."
        actions={
          <Button asChild size="sm">
            <Link href={history ? paths.breakGlass() : hrefWith(paths.breakGlass(), { state: 'all' })}>
              {history ? 'Only open ones' : 'With those reviewed'}
            </Link>
          </Button>
        }
      />
      <LostPlace lost={lost} />
      <DataTable
        caption="Break-glass grants"
        columns={[...columns, actionColumn(ctx.actor)]}
        rows={items}
        rowKey={({ grantId }) => grantId}
        empty={
          <EmptyState title="No glass is broken">
            Whoever is on call breaks it on the Scopes tab of an agent.
          </EmptyState>
        }
      />
      {nextCursor && (
        <Button asChild size="sm" className="mt-3">
          <Link href={hrefWith(paths.breakGlass(), { state: query.state, cursor: nextCursor })}>Older</Link>
        </Button>
      )}
    </>
  )
}

const columns: readonly Column<BreakGlassView>[] = [
  {
    id: 'agent',
    header: 'Agent',
    className: 'max-w-60 min-w-40 md:max-w-xs',
    cell: ({ agent, inForce }) => (
      <>
        <Link href={paths.agent(agent.id, 'scopes')} className="font-medium text-accent hover:underline">
          {agent.name}
        </Link>
        <span className="mt-1 block">
          {inForce ? (
            <Badge tone="warn">
              <Siren aria-hidden /> in force
            </Badge>
          ) : (
            <Badge>ended</Badge>
          )}
        </span>
      </>
    ),
  },
  {
    id: 'scope',
    header: 'Scope',
    cell: ({ server, class: toolClass, toolName }) => (
      <ScopeBadge serverId={server.id} toolClass={toolClass} toolName={toolName} environment={server.environment} />
    ),
  },
  { id: 'reason', header: 'Reason', className: 'max-w-60 min-w-56 md:max-w-xs', cell: ({ reason }) => reason },
  {
    id: 'taken',
    header: 'Taken',
    cell: ({ openedBy, openedAt }) => (
      <>
        <Time value={openedAt} /> by {openedBy.name}
      </>
    ),
  },
  {
    id: 'ends',
    header: 'Until',
    wide: true,
    cell: ({ expiresAt, revokedAt }) => <Time value={revokedAt ?? expiresAt} />,
  },
  { id: 'calls', header: 'Calls', numeric: true, cell: ({ calls }) => formatCount(calls) },
  {
    id: 'review',
    header: 'Review',
    className: 'min-w-40',
    cell: ({ review, dueAt, overdue, remindedAt, escalations }) =>
      review ? (
        <>
          <Badge tone={review.verdict === 'justified' ? 'ok' : 'danger'}>{review.verdict.replace('_', ' ')}</Badge> by{' '}
          {review.by.name} <Time value={review.at} />
          <span className="block text-muted-foreground">{review.note}</span>
        </>
      ) : (
        <>
          <Badge tone={overdue ? 'danger' : 'held'}>{overdue ? 'overdue' : 'waits'}</Badge>
          {dueAt && (
            <span className="block text-[13px] text-muted-foreground">
              due <Time value={dueAt} />
              {remindedAt && (
                <>
                  , reminded <Time value={remindedAt} />
                </>
              )}
              {escalations > 0 && `, passed on ${plural(escalations, 'time')}`}
            </span>
          )}
        </>
      ),
  },
]

function actionColumn(actor: Actor): Column<BreakGlassView> {
  return {
    id: 'action',
    header: <span className="sr-only">Action</span>,
    cell: ({ grantId, agent, owner, accountable, server, inForce, review, reviewable }) => (
      <span className="flex flex-wrap gap-2">
        {inForce && (
          <ReasonButton
            label="Revoke"
            size="sm"
            title={`End break-glass of ${agent.name}`}
            description={`It loses what it was given on ${server.name} at once, calls under way included.`}
            confirm="Revoke"
            action={revokeEmergency}
            input={{ grantId }}
            whyNot={whyNotTakeBack(actor, { owner, accountable })}
            said="The grant is revoked."
          />
        )}
        {!review && (
          <ReviewBreakGlass
            grantId={grantId}
            agentName={agent.name}
            whyNot={reviewable.allowed ? null : reviewable.message}
          />
        )}
      </span>
    ),
  }
}
