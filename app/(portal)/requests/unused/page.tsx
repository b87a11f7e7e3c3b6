import type { Metadata } from 'next'
import Link from 'next/link'
import { Button } from '#components/ui/button.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { FilterForm } from '#components/ui/filter-form.tsx'
import { Select } from '#components/ui/input.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { RangeLinks } from '#components/ui/range-links.tsx'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { ScopeBadge } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import { listTeams } from '#lib/registry/queries.ts'
import { unusedGrants } from '#lib/scopes/queries.ts'
import { type UnusedGrant, unusedGrantsQuery } from '#lib/scopes/schema/usage.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { hrefWith, parseSearch, type SearchParams } from '#lib/web/search.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { revokeUnused } from './actions.ts'

export const metadata: Metadata = { title: 'Grants that are not used' }

const ranges = [30, 60, 90, 180] as const

export default async function UnusedGrantsPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const query = await parseSearch(unusedGrantsQuery, searchParams)
  const [list, teams] = await Promise.all([unusedGrants(ctx, query), listTeams(ctx)])
  const here = (changes: Partial<typeof query>) =>
    hrefWith(paths.unusedGrants(), { days: query.days, ownerTeamId: query.ownerTeamId, ...changes })
  return (
    <>
      <PageHeader
        crumbs={[{ href: paths.requests(), label: 'Scope requests' }]}
        title="Grants that are not used"
        description={`No call needed them for ${query.days} days, and they are older than that. What is younger is not judged.`}
        actions={
          <RangeLinks
            ranges={ranges}
            current={query.days}
            label={(days) => `${days} days`}
            href={(days) => here({ days })}
          />
        }
      />
      <FilterForm action={paths.unusedGrants()} label="Filter grants that are not used">
        <input type="hidden" name="days" value={query.days} />
        <Select name="ownerTeamId" defaultValue={query.ownerTeamId ?? ''} aria-label="Owner team" className="w-56">
          <option value="">Every team</option>
          {teams.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </Select>
      </FilterForm>
      <DataTable
        caption="Grants that are not used"
        columns={[...columns, revokeColumn(whyNot(ctx.actor, 'grants:revoke'))]}
        rows={list.items}
        rowKey={({ grantId }) => grantId}
        empty={
          <EmptyState title="Every grant was needed">
            Of those that are older than {query.days} days; younger ones are not judged.
          </EmptyState>
        }
      />
      {list.nextCursor && (
        <Button asChild size="sm" className="mt-3">
          <Link href={here({ cursor: list.nextCursor })}>More</Link>
        </Button>
      )}
    </>
  )
}

const columns: readonly Column<UnusedGrant>[] = [
  {
    id: 'agent',
    header: 'Agent',
    className: 'min-w-40',
    cell: ({ agent, owner }) => (
      <>
        <Link href={paths.agent(agent.id, 'scopes')} className="font-medium text-accent hover:underline">
          {agent.name}
        </Link>
        <span className="block text-muted-foreground">{owner.name}</span>
      </>
    ),
  },
  {
    id: 'scope',
    header: 'Scope',
    cell: ({ serverId, class: toolClass, toolName }) => (
      <ScopeBadge serverId={serverId} toolClass={toolClass} toolName={toolName} />
    ),
  },
  { id: 'given', header: 'Given', wide: true, cell: ({ createdAt }) => <Time value={createdAt} /> },
  { id: 'last', header: 'Last used', cell: ({ lastUsedAt }) => <Time value={lastUsedAt} fallback="never" /> },
  {
    id: 'until',
    header: 'Until',
    wide: true,
    cell: ({ expiresAt }) => <Time value={expiresAt} fallback="until revoked" />,
  },
]

function revokeColumn(whyNotRevoke: string | null): Column<UnusedGrant> {
  return {
    id: 'revoke',
    header: <span className="sr-only">Action</span>,
    cell: ({ grantId, agent, serverId, class: toolClass, toolName }) => (
      <ReasonButton
        label="Revoke"
        size="sm"
        title={`Revoke ${serverId}: ${toolName ?? toolClass}`}
        description={`${agent.name} is refused these tools at its next call.`}
        confirm="Revoke"
        action={revokeUnused}
        input={{ grantId }}
        whyNot={whyNotRevoke}
        said="The grant is revoked."
      />
    ),
  }
}
