import type { Metadata } from 'next'
import Link from 'next/link'
import { Button } from '#components/ui/button.tsx'
import { plural } from '#components/ui/count.ts'
import { FilterForm } from '#components/ui/filter-form.tsx'
import { Select } from '#components/ui/input.tsx'
import { LostPlace } from '#components/ui/lost-place.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { RangeLinks } from '#components/ui/range-links.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import { paths } from '#lib/core/paths.ts'
import { listTeams } from '#lib/registry/queries.ts'
import { grantProposals } from '#lib/scopes/queries.ts'
import { grantProposalsQuery } from '#lib/scopes/schema/usage.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { readListPage } from '#lib/web/list-page.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'
import { whyNot, whyNotTakeBack } from '#lib/web/why-not.ts'
import { Proposals } from './proposals.client.tsx'

export const metadata: Metadata = { title: 'Grants that could be less' }

const ranges = [30, 60, 90, 180] as const

export default async function UnusedGrantsPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const search = await readListPage(grantProposalsQuery, searchParams, {
    list: (query) => grantProposals(ctx, query),
  })
  if (!search.ok)
    return (
      <UnreadableSearch title="Grants that could be less" problem={search.error} clearHref={paths.unusedGrants()} />
    )
  const { query, list, lost } = search.value
  const teams = await listTeams(ctx)
  const { days, ownerTeamId, kind, conditionCalls, conditionDays } = query
  const here = (changes: Partial<typeof query>) =>
    hrefWith(paths.unusedGrants(), { days, ownerTeamId, kind, conditionCalls, conditionDays, ...changes })
  return (
    <>
      <PageHeader
        crumbs={[{ href: paths.requests(), label: 'Scope requests' }]}
        title="Grants that could be less"
        description={`From the calls of ${days} days. A grant that is younger is not judged, nor is one narrowed after fewer than twenty calls. Conditions on arguments are proposed after ${plural(query.conditionCalls, 'call')} over ${plural(query.conditionDays, 'day')}.`}
        actions={
          <RangeLinks
            ranges={ranges}
            current={days}
            label={(range) => `${range} days`}
            href={(range) => here({ days: range })}
          />
        }
      />
      <FilterForm action={paths.unusedGrants()} label="Filter grants that could be less">
        <input type="hidden" name="days" value={days} />
        <input type="hidden" name="conditionCalls" value={conditionCalls} />
        <input type="hidden" name="conditionDays" value={conditionDays} />
        <Select name="ownerTeamId" defaultValue={ownerTeamId ?? ''} aria-label="Owner team" className="w-full sm:w-56">
          <option value="">Every team</option>
          {teams.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </Select>
        <Select name="kind" defaultValue={kind ?? ''} aria-label="Proposal" className="w-full sm:w-48">
          <option value="">Revoke or narrow</option>
          <option value="revoke">Only to revoke</option>
          <option value="narrow">Only to narrow</option>
        </Select>
      </FilterForm>
      <LostPlace lost={lost} />
      <Proposals
        key={list.items.map(({ grantId }) => grantId).join()}
        items={list.items}
        days={days}
        whyNot={{
          change: Object.fromEntries(list.items.map((row) => [row.grantId, whyNotTakeBack(ctx.actor, row)])),
          review: whyNot(ctx.actor, 'reviews:manage'),
        }}
      />
      {list.nextCursor && (
        <Button asChild size="sm" className="mt-3">
          <Link href={here({ cursor: list.nextCursor })}>More</Link>
        </Button>
      )}
    </>
  )
}
