import type { Metadata } from 'next'
import Link from 'next/link'
import { Button } from '#components/ui/button.tsx'
import { cn } from '#components/ui/cn.ts'
import { LostPlace } from '#components/ui/lost-place.tsx'
import { formatCount } from '#components/ui/count.ts'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { FilterForm } from '#components/ui/filter-form.tsx'
import { Select } from '#components/ui/input.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Pager } from '#components/ui/pager.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import { paths } from '#lib/core/paths.ts'
import { listInbox } from '#lib/notifications/queries.ts'
import { inboxQuery, type NotificationView } from '#lib/notifications/schema.ts'
import { kindFacts, kinds } from '#lib/notifications/schema/kinds.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { readListPage } from '#lib/web/list-page.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'
import { MarkAllButton } from './mark-all-button.client.tsx'
import { MarkButton } from './mark-button.client.tsx'
import { OpenLink } from './open-link.client.tsx'

export const metadata: Metadata = { title: 'Inbox' }

export default async function InboxPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const search = await readListPage(inboxQuery, searchParams, { list: (query) => listInbox(ctx, query) })
  if (!search.ok) return <UnreadableSearch title="Inbox" problem={search.error} clearHref={paths.inbox()} />
  const {
    query,
    list: { items, unread, total, nextCursor },
    lost,
  } = search.value
  const { state, kind, cursor } = query
  const newest = items[0]
  return (
    <>
      <PageHeader
        title="Inbox"
        description={`What you were told of in the last 90 days: ${unread === 0 ? 'all of it read' : `${formatCount(unread)} unread`}.`}
        actions={
          <>
            <Button asChild size="sm">
              <Link href={paths.notificationSettings()}>What I am told of</Link>
            </Button>
            {unread > 0 && newest && !cursor && <MarkAllButton until={newest.toldAt} kind={kind} />}
          </>
        }
      />
      <FilterForm action={paths.inbox()} label="Filter notifications">
        <Select name="state" aria-label="Read or unread" defaultValue={state} className="w-auto">
          <option value="all">All</option>
          <option value="unread">Unread</option>
        </Select>
        <Select name="kind" aria-label="Kind" defaultValue={kind ?? ''} className="w-auto max-w-full">
          <option value="">Every kind</option>
          {kinds.map((each) => (
            <option key={each} value={each}>
              {kindFacts[each].label}
            </option>
          ))}
        </Select>
      </FilterForm>
      <LostPlace lost={lost} />
      {items.length === 0 ? (
        <EmptyState title={state === 'unread' ? 'Nothing is unread' : 'You have been told of nothing'}>
          Requests that wait for you, decisions on yours, and what happens to agents of your teams come here.
        </EmptyState>
      ) : (
        <ul className="divide-y rounded-lg border bg-surface" aria-label="Notifications">
          {items.map((item) => (
            <Item key={item.id} item={item} />
          ))}
        </ul>
      )}
      <Pager
        total={total}
        noun="notification"
        prevHref={cursor ? hrefWith(paths.inbox(), { state, kind }) : null}
        nextHref={nextCursor && hrefWith(paths.inbox(), { state, kind, cursor: nextCursor })}
      />
    </>
  )
}

function Item({ item: { id, kind, title, body, path, createdAt, readAt } }: { item: NotificationView }) {
  const unread = readAt === null
  return (
    <li className="flex items-start gap-3 px-4 py-3">
      <span aria-hidden className={cn('mt-2 size-2 shrink-0 rounded-full', unread ? 'bg-accent' : 'bg-transparent')} />
      <div className="min-w-0 flex-1 wrap-anywhere">
        <OpenLink id={id} href={path} unread={unread}>
          {title}
        </OpenLink>
        {body && <p className="mt-0.5 text-[13px] break-words whitespace-pre-line">{body}</p>}
        <p className="mt-1 text-[13px] text-muted-foreground">
          <Link href={hrefWith(paths.inbox(), { kind })} className="underline hover:text-foreground">
            {kindFacts[kind].label}
          </Link>
          , <Time value={createdAt} />
        </p>
      </div>
      <MarkButton id={id} read={!unread} title={title} />
    </li>
  )
}
