import type { Metadata } from 'next'
import Link from 'next/link'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { ConfirmButton } from '#components/ui/confirm-button.client.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import { paths } from '#lib/core/paths.ts'
import { listDelegations, listPossibleDelegates } from '#lib/delegation/queries.ts'
import { delegationListQuery, type DelegationView } from '#lib/delegation/schema.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { hrefWith, readSearch, type SearchParams } from '#lib/web/search.ts'
import { endDelegation } from './actions.ts'
import { DelegateForm } from './delegate-form.client.tsx'

export const metadata: Metadata = { title: 'While I am away' }

export default async function DelegationPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const search = await readSearch(delegationListQuery, searchParams)
  if (!search.ok)
    return <UnreadableSearch title="While I am away" problem={search.error} clearHref={paths.delegation()} />
  const { state } = search.value
  const [delegations, possible] = await Promise.all([listDelegations(ctx, { state }), listPossibleDelegates(ctx)])
  const history = state === 'all'
  return (
    <>
      <PageHeader
        crumbs={[{ href: paths.inbox(), label: 'Inbox' }]}
        title="While I am away"
        description="Somebody is asked in your place for a time. They decide as themselves, on the record as for you, and only what both of you may decide: what you asked for or answer for stays out of their hands as well."
        actions={
          <Button asChild size="sm">
            <Link href={history ? paths.delegation() : hrefWith(paths.delegation(), { state: 'all' })}>
              {history ? 'Only open ones' : 'With those ended'}
            </Link>
          </Button>
        }
      />
      <div className="grid items-start gap-5 xl:grid-cols-[minmax(0,1fr)_24rem]">
        <DataTable
          caption="Who stands in for whom"
          columns={columns}
          rows={delegations}
          rowKey={({ id }) => id}
          empty={
            <EmptyState title="Nobody stands in">
              Name somebody before you leave, so that requests and calls do not wait for you.
            </EmptyState>
          }
        />
        <Card title="Name somebody">
          {possible.length > 0 ? (
            <DelegateForm people={possible} />
          ) : (
            <Notice>
              Nobody shares a role of yours that decides about requests or calls. A platform admin gives roles.
            </Notice>
          )}
        </Card>
      </div>
    </>
  )
}

const tones = { in_force: 'held', to_come: 'neutral', ended: 'outline', revoked: 'outline' } as const

const columns: readonly Column<DelegationView>[] = [
  {
    id: 'who',
    header: 'Who',
    className: 'min-w-48',
    cell: ({ person, delegate, reason }) => (
      <>
        <span className="font-medium">{delegate.name}</span> for <span className="font-medium">{person.name}</span>
        <span className="block text-muted-foreground">{reason}</span>
      </>
    ),
  },
  { id: 'state', header: 'State', cell: ({ state }) => <Badge tone={tones[state]}>{state.replace('_', ' ')}</Badge> },
  { id: 'from', header: 'From', wide: true, cell: ({ startsAt }) => <Time value={startsAt} /> },
  { id: 'until', header: 'Until', cell: ({ endsAt, revokedAt }) => <Time value={revokedAt ?? endsAt} /> },
  {
    id: 'end',
    header: <span className="sr-only">Action</span>,
    cell: ({ id, state, person, delegate }) =>
      (state === 'in_force' || state === 'to_come') && (
        <ConfirmButton
          label="End"
          object={`${delegate.name} for ${person.name}`}
          title={`End: ${delegate.name} for ${person.name}`}
          description={`${delegate.name} decides nothing more in the place of ${person.name}. What was decided stays decided.`}
          confirm="End it"
          action={endDelegation}
          input={{ delegationId: id }}
          said="It is ended."
        />
      ),
  },
]
