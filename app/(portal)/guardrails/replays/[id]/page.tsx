import type { Metadata } from 'next'
import Link from 'next/link'
import { DifferingCalls } from '#components/guardrails/differing-calls.tsx'
import { ReplayOutcome } from '#components/guardrails/replay-outcome.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Card } from '#components/ui/card.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { UnreadableSearch } from '#components/ui/unreadable-search.tsx'
import { paths } from '#lib/core/paths.ts'
import { getPolicyReplay, listReplayedCalls } from '#lib/guardrails/queries.ts'
import { type PolicyReplayReport, replayCallsQuery } from '#lib/guardrails/schema/replays.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { orNotFound } from '#lib/web/not-found.ts'
import { readSearch, type SearchParams } from '#lib/web/search.ts'
import { DifferenceTables } from './difference-tables.tsx'

export const metadata: Metadata = { title: 'Replay' }

type Props = { params: Promise<{ id: string }>; searchParams: SearchParams }

/** One replay: what the set would have decided otherwise, by policy, agent and tool, and each of these calls. */
export default async function ReplayPage({ params, searchParams }: Props) {
  const ctx = await currentCtx()
  const { id } = await params
  const report = await orNotFound(getPolicyReplay(ctx, id))
  const search = await readSearch(replayCallsQuery, searchParams)
  if (!search.ok) return <UnreadableSearch title="Replay" problem={search.error} clearHref={paths.policyReplay(id)} />
  const query = search.value
  const { number } = report.set
  const differs = report.byAgent.length > 0
  const calls = differs ? await listReplayedCalls(ctx, { replayId: id, ...query, limit: 50 }) : null
  return (
    <>
      <PageHeader
        crumbs={[
          { href: paths.guardrails(), label: 'Guardrails' },
          ...(number === null ? [] : [{ href: paths.policySet(number), label: `Policy set ${number}` }]),
        ]}
        title="Replay"
        badges={<Badge tone={report.state === 'failed' ? 'danger' : 'neutral'}>{report.state}</Badge>}
        description={`What recorded calls would have been under ${number === null ? 'policies that are not saved' : `policy set ${number}`}.`}
      />
      <div className="grid gap-5">
        <Card>
          <ReplayOutcome replay={report} />
          <Against report={report} />
        </Card>
        {differs && <DifferenceTables report={report} />}
        {calls && (
          <DifferingCalls
            caption="Recorded calls it decides otherwise"
            emptyHint="Choose a number above."
            path={paths.policyReplay(report.id)}
            titles={new Map(report.byPolicy.map(({ rule, title }) => [rule, title]))}
            calls={calls}
            query={query}
          />
        )}
      </div>
    </>
  )
}

function Against({ report: { against, figures } }: { report: PolicyReplayReport }) {
  if (!figures) return null
  return (
    <div className="mt-4">
      <Facts>
        <Fact label="Decided then by">
          {against.length === 0
            ? 'nobody'
            : against.map(({ number, version, calls }, at) => (
                <span key={version}>
                  {at > 0 && ', '}
                  {number === null ? (
                    <code>{version}</code>
                  ) : (
                    <Link href={paths.policySet(number)} className="text-accent underline">
                      policy set {number}
                    </Link>
                  )}{' '}
                  ({calls.toLocaleString('en')})
                </span>
              ))}
        </Fact>
        <Fact label="Different situations">{figures.situations.toLocaleString('en')}</Fact>
      </Facts>
    </div>
  )
}
