import { Plus } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { PolicyList } from '#components/guardrails/policy-list.tsx'
import { PolicySetState } from '#components/guardrails/policy-set-state.tsx'
import { LostPlace } from '#components/ui/lost-place.tsx'
import { ActionButton } from '#components/ui/action-button.client.tsx'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import { paths } from '#lib/core/paths.ts'
import { getPolicySet, getTrialTerms, listPolicySets, policySetsInUse } from '#lib/guardrails/queries.ts'
import {
  policySetListQuery,
  type PolicySetState as State,
  type PolicySetSummary,
} from '#lib/guardrails/schema/policy-sets.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { readListPage } from '#lib/web/list-page.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { TrialTermsCard } from './trial-terms.client.tsx'

export const metadata: Metadata = { title: 'Guardrails' }

/** What any agent is permitted to do, whoever owns it: the policies in force in plain words, and every set there was. */
export default async function GuardrailsPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const search = await readListPage(policySetListQuery, searchParams, {
    list: (query) => listPolicySets(ctx, { ...query, limit: 25 }),
  })
  if (!search.ok) return <UnreadableSearch title="Guardrails" problem={search.error} clearHref={paths.guardrails()} />
  const { query, list: sets, lost } = search.value
  const { enforced: inForce, logOnly } = await policySetsInUse(ctx)
  const enforced = inForce === null ? null : await getPolicySet(ctx, inForce)
  const terms = await getTrialTerms(ctx)
  return (
    <>
      <PageHeader
        title="Guardrails"
        description="The central policies: what any agent is permitted to do, on top of what it was granted. No team can opt out; what they forbid, nothing permits."
        actions={
          <>
            <Button asChild>
              <Link href={paths.simulate()}>Simulate a call</Link>
            </Button>
            <NewDraft problem={whyNot(ctx.actor, 'policies:manage')} />
          </>
        }
      />
      {logOnly !== null && (
        <Notice kind="warn" title={`Policy set ${logOnly} is log-only`} className="mb-5">
          It judges live calls and decides none of them.{' '}
          <Link href={paths.policySet(logOnly)} className="underline underline-offset-2">
            See what it would have decided otherwise
          </Link>
        </Notice>
      )}
      {!enforced && (
        <Notice kind="danger" title="No policy set is in force" className="mb-5">
          Brokers refuse every call until one is enforced.
        </Notice>
      )}
      {enforced && enforced.problems.length > 0 && (
        <Notice kind="danger" title={`This release cannot read policy set ${enforced.number}`} className="mb-5">
          Brokers refuse every call. Roll back to another set, or make a draft of it and mend that.
        </Notice>
      )}
      {enforced && (
        <Card
          flush
          className="mb-5"
          title={`In force: policy set ${enforced.number}`}
          description={
            <>
              {enforced.note} Enforced by {enforced.enforcedBy}{' '}
              <Time value={enforced.enforcedAt ?? enforced.changedAt} />.
            </>
          }
          actions={
            <Button asChild size="sm">
              <Link href={paths.policySet(enforced.number)}>Open the set</Link>
            </Button>
          }
        >
          <PolicyList policies={enforced.rules} />
        </Card>
      )}
      <div className="mb-2 flex flex-wrap items-baseline justify-between gap-x-4">
        <h2 className="text-sm font-semibold">{query.state === 'discarded' ? 'Drafts thrown away' : 'Every set'}</h2>
        <Link href={otherList(query.state)} className="text-[13px] text-accent underline underline-offset-2">
          {query.state === 'discarded' ? 'Every other set' : 'Drafts thrown away'}
        </Link>
      </div>
      <LostPlace lost={lost} />
      <DataTable
        caption="Policy sets"
        columns={columns}
        rows={sets.items}
        rowKey={({ number }) => String(number)}
        empty={<EmptyState title="No draft was thrown away">A draft that judged no live call can be.</EmptyState>}
      />
      {sets.nextCursor && (
        <Button asChild size="sm" className="mt-3">
          <Link href={hrefWith(paths.guardrails(), { state: query.state, cursor: sets.nextCursor })}>Older</Link>
        </Button>
      )}
      <TrialTermsCard
        terms={terms}
        personId={ctx.actor.kind === 'person' ? ctx.actor.id : null}
        whyNot={whyNot(ctx.actor, 'policies:manage')}
      />
    </>
  )
}

function otherList(state: State | undefined): string {
  return hrefWith(paths.guardrails(), { state: state === 'discarded' ? undefined : 'discarded' })
}

function NewDraft({ problem }: { problem: string | null }) {
  const label = (
    <>
      <Plus aria-hidden /> New draft
    </>
  )
  if (problem !== null) return <ActionButton whyNot={problem}>{label}</ActionButton>
  return (
    <Button asChild variant="primary">
      <Link href={paths.newPolicySet()}>{label}</Link>
    </Button>
  )
}

const columns: readonly Column<PolicySetSummary>[] = [
  {
    id: 'number',
    header: 'Set',
    cell: ({ number }) => (
      <Link href={paths.policySet(number)} className="font-medium text-accent hover:underline">
        Set {number}
      </Link>
    ),
  },
  { id: 'state', header: 'State', cell: ({ state }) => <PolicySetState state={state} /> },
  { id: 'note', header: 'What changed', className: 'min-w-48', cell: ({ note }) => note },
  {
    id: 'written',
    header: 'Written',
    wide: true,
    cell: ({ changedBy, changedAt }) => (
      <>
        {changedBy} <Time value={changedAt} />
      </>
    ),
  },
  {
    id: 'enforced',
    header: 'Enforced',
    wide: true,
    cell: ({ enforcedAt, enforcedBy }) =>
      enforcedAt ? (
        <>
          {enforcedBy} <Time value={enforcedAt} />
        </>
      ) : (
        'never'
      ),
  },
  { id: 'policies', header: 'Policies', numeric: true, wide: 'very', cell: ({ policies }) => policies },
]
