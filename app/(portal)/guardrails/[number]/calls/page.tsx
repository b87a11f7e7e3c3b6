import type { Metadata } from 'next'
import { notFound } from 'next/navigation'
import { DifferingCalls } from '#components/guardrails/differing-calls.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import { paths } from '#lib/core/paths.ts'
import { getPolicySet, listLogOnlyCalls } from '#lib/guardrails/queries.ts'
import { policySetInput } from '#lib/guardrails/schema/policy-sets.ts'
import { replayCallsQuery } from '#lib/guardrails/schema/replays.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { orNotFound } from '#lib/web/not-found.ts'
import { readSearch, type SearchParams } from '#lib/web/search.ts'

export const metadata: Metadata = { title: 'Log-only calls' }

type Props = { params: Promise<{ number: string }>; searchParams: SearchParams }

/** Each live call that a set would have decided otherwise while it was log-only. */
export default async function LogOnlyCallsPage({ params, searchParams }: Props) {
  const ctx = await currentCtx()
  const parsed = policySetInput.safeParse({ number: Number((await params).number) })
  if (!parsed.success) notFound()
  const { number } = parsed.data
  const set = await orNotFound(getPolicySet(ctx, number))
  const search = await readSearch(replayCallsQuery, searchParams)
  if (!search.ok) {
    return <UnreadableSearch title="Log-only calls" problem={search.error} clearHref={paths.policySetCalls(number)} />
  }
  const query = search.value
  const calls = await listLogOnlyCalls(ctx, { number, ...query, limit: 50 })
  return (
    <>
      <PageHeader
        crumbs={[
          { href: paths.guardrails(), label: 'Guardrails' },
          { href: paths.policySet(number), label: `Policy set ${number}` },
        ]}
        title="Log-only calls"
        description={`Live calls that policy set ${number} would have decided otherwise while it was log-only with this text.`}
      />
      <DifferingCalls
        caption="Live calls it would have decided otherwise"
        emptyHint="While the set was log-only, no call that is asked for here would have been decided otherwise."
        path={paths.policySetCalls(number)}
        titles={new Map(set.rules.map(({ id, title }) => [id, title]))}
        calls={calls}
        query={query}
      />
    </>
  )
}
