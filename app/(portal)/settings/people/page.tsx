import { UserCheck, UserX } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { Badge } from '#components/ui/badge.tsx'
import { formatCount } from '#components/ui/count.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { FilterForm } from '#components/ui/filter-form.tsx'
import { Input } from '#components/ui/input.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { roleNames } from '#lib/auth/permissions.ts'
import { paths } from '#lib/core/paths.ts'
import { listPeople } from '#lib/registry/queries.ts'
import type { PersonRow } from '#lib/registry/schema.ts'
import { currentCtx, type PageCtx } from '#lib/web/ctx.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { deactivate, reactivate } from './actions.ts'

export const metadata: Metadata = { title: 'People' }

const shownMax = 200

/** Who can sign in; who has left is deactivated here, and their agents are orphaned from then on. */
export default async function PeoplePage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const search = [(await searchParams)['search']].flat()[0]?.slice(0, 200) ?? ''
  const people = await listPeople(ctx, search ? { search } : {})
  return (
    <>
      <PageHeader
        title="People"
        description="Who can sign in. Whoever leaves is signed out everywhere and their tokens end; their agents show as orphaned until somebody takes them over, and are suspended when the grace of their tier is over."
      />
      <FilterForm action={paths.people()} label="People">
        <Input
          name="search"
          defaultValue={search}
          aria-label="Name or address"
          placeholder="Name or address"
          className="max-w-80"
        />
      </FilterForm>
      <DataTable
        caption="People"
        columns={[...columns, actionColumn(ctx)]}
        rows={people.slice(0, shownMax)}
        rowKey={(person) => person.id}
        empty={<EmptyState title="Nobody matches">Search for a part of a name or an address.</EmptyState>}
      />
      {people.length > shownMax && (
        <p className="mt-2 text-[13px] text-muted-foreground">
          {shownMax} of {formatCount(people.length)}: search for the others.
        </p>
      )}
    </>
  )
}

const columns: readonly Column<PersonRow>[] = [
  {
    id: 'person',
    header: 'Person',
    cell: (person) => (
      <>
        <span className="font-medium">{person.name}</span>
        <span className="block text-xs break-all text-muted-foreground">{person.email}</span>
      </>
    ),
  },
  {
    id: 'state',
    header: 'State',
    cell: (person) => (
      <span className="flex flex-wrap gap-1">
        <Badge tone={person.active ? 'ok' : 'neutral'}>{person.active ? 'active' : 'deactivated'}</Badge>
        {person.demo && <Badge tone="outline">demo</Badge>}
      </span>
    ),
  },
  {
    id: 'roles',
    header: 'Roles',
    wide: true,
    cell: (person) => roleNames(person.roles).join(', ') || 'none',
  },
  { id: 'teams', header: 'Teams', wide: true, cell: (person) => person.teamIds.join(', ') || 'none' },
  {
    id: 'agents',
    header: 'Agents',
    wide: true,
    cell: (person) => (
      <Link
        prefetch={false}
        href={hrefWith(paths.agents(), { q: `sponsor:${JSON.stringify(person.email)}` })}
        className="text-accent hover:underline"
      >
        Accountable for<span className="sr-only">: agents of {person.name}</span>
      </Link>
    ),
  },
]

function actionColumn(ctx: PageCtx): Column<PersonRow> {
  const problem = whyNot(ctx.actor, 'people:manage')
  return {
    id: 'action',
    header: <span className="sr-only">Actions</span>,
    cell: (person) =>
      person.active ? (
        <ReasonButton
          label="Deactivate"
          icon={<UserX aria-hidden />}
          size="sm"
          title={`Deactivate ${person.name}`}
          description="They are signed out everywhere and their tokens end. Agents they are accountable for are orphaned: if nobody takes them over, they are suspended when the grace of their tier is over."
          confirm="Deactivate"
          action={deactivate}
          input={{ personId: person.id }}
          whyNot={person.id === ctx.actor.id ? 'Another platform admin does this to you.' : problem}
        />
      ) : (
        <ReasonButton
          label="Reactivate"
          icon={<UserCheck aria-hidden />}
          size="sm"
          variant="primary"
          title={`Reactivate ${person.name}`}
          description="They may sign in again. Tokens and sessions that were ended stay so."
          confirm="Reactivate"
          action={reactivate}
          input={{ personId: person.id }}
          whyNot={problem}
        />
      ),
  }
}
