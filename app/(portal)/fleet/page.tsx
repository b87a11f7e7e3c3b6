import type { Metadata } from 'next'
import Link from 'next/link'
import { type ChartPoint, DayChart } from '#components/charts/day-chart.client.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Card, Figure } from '#components/ui/card.tsx'
import { formatCount, plural } from '#components/ui/count.ts'
import { Money } from '#components/ui/money.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { monthName } from '#components/ui/time.ts'
import { paths } from '#lib/core/paths.ts'
import { formatMicros } from '#lib/core/money.ts'
import { fleetSummary, retirementCandidates } from '#lib/metrics/queries.ts'
import { type Coverage, type DayPoint, type FleetSummary, metricsRange, type Totals } from '#lib/metrics/schema.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { hrefWith, parseSearch, type SearchParams } from '#lib/web/search.ts'
import { Candidates } from './candidates.tsx'
import { RangeLinks } from '#components/ui/range-links.tsx'
import { percent } from '#components/ui/percent.ts'

export const metadata: Metadata = { title: 'Fleet' }

const ranges = [7, 30, 90] as const

export default async function FleetPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  const { days } = await parseSearch(metricsRange, searchParams)
  const [summary, candidates] = await Promise.all([fleetSummary(ctx, { days }), retirementCandidates(ctx)])
  const { totals, previous } = summary
  return (
    <>
      <PageHeader
        title="Fleet"
        badges={summary.simulated.demoAgents > 0 && <Badge tone="outline">includes demo history</Badge>}
        description={`All agents from ${summary.from} to ${summary.to} (UTC; the last day is unfinished). Measured, from the day roll-ups.`}
        actions={
          <RangeLinks
            ranges={ranges}
            current={days}
            label={(range) => `${range} days`}
            href={(range) => hrefWith(paths.fleet(), { days: range })}
          />
        }
      />
      {summary.simulated.demoAgents > 0 && (
        <Notice className="mb-5">
          {formatCount(summary.simulated.demoAgents)} of these agents are demo data with made-up history. The simulated
          model answered {plural(summary.simulated.simulatedRuns, 'run')}.
        </Notice>
      )}
      <dl className="mb-5 grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-6">
        <Figure
          label="Runs"
          value={formatCount(totals.runs)}
          note={change(totals.runs, previous.runs)}
          href={paths.runs()}
        />
        <Figure
          label="Cost"
          value={<Money micros={totals.costMicros} unpriced={totals.unpricedRequests} />}
          note={change(Number(totals.costMicros), Number(previous.costMicros))}
        />
        <Figure
          label="Escalation rate"
          value={percent(totals.escalationRate)}
          note={`before: ${percent(previous.escalationRate)}`}
        />
        <Figure
          label="Denied calls"
          value={formatCount(totals.deniedCalls)}
          note={`of ${plural(totals.toolCalls, 'call')}`}
        />
        <Figure
          label="Active agents"
          value={formatCount(summary.agents.active)}
          note={`${formatCount(summary.usedAgents)} of them ran`}
          href={hrefWith(paths.agents(), { status: 'active' })}
        />
        <Figure
          label={`Spend in ${monthName(summary.month.month)}`}
          value={<Money micros={summary.month.spentMicros} unpriced={summary.month.unpricedRequests} />}
          note={`of ${formatMicros(BigInt(summary.month.budgetMicros))} budget`}
        />
      </dl>
      <Card title="By day" className="mb-5">
        <div className="grid gap-6 md:grid-cols-2">
          <DayChart title="Runs" color={1} points={points(summary, (day) => [day.runs, formatCount(day.runs)])} />
          <DayChart title="Cost in dollars" fractions color={2} points={points(summary, costPoint)} />
          <DayChart
            title="Escalation rate in percent"
            kind="line"
            color={3}
            threshold={{
              value: candidates.thresholds.escalationRate * 100,
              label: `retirement threshold ${percent(candidates.thresholds.escalationRate)}`,
            }}
            points={points(summary, (day) => [
              day.escalationRate === null ? null : day.escalationRate * 100,
              percent(day.escalationRate),
            ])}
          />
          <DayChart
            title="Denied calls"
            color={4}
            points={points(summary, (day) => [day.deniedCalls, formatCount(day.deniedCalls)])}
          />
        </div>
      </Card>
      <Card
        title="Coverage"
        description="Of the agents that are not retired: how many have what every agent should have."
        className="mb-5"
      >
        <dl className="grid gap-4 sm:grid-cols-2 xl:grid-cols-4">
          <Meter
            label="Owner and accountable person"
            coverage={summary.coverage.owner}
            missing={{ href: hrefWith(paths.agents(), { q: 'orphaned:yes' }), label: 'orphaned' }}
          />
          <Meter
            label="Review not overdue"
            coverage={summary.coverage.review}
            missing={{ href: hrefWith(paths.agents(), { q: 'overdue:yes' }), label: 'overdue' }}
          />
          <Meter
            label="On the newest template"
            coverage={summary.coverage.template}
            missing={{ href: hrefWith(paths.agents(), { q: 'drift:any -status:retired' }), label: 'behind' }}
          />
          <Meter label="A budget of its own" coverage={summary.coverage.budget} />
        </dl>
      </Card>
      <Candidates ctx={ctx} list={candidates} />
    </>
  )
}

function points(summary: FleetSummary, read: (day: DayPoint) => [number | null, string]): ChartPoint[] {
  return summary.series.map((day) => {
    const [value, shown] = read(day)
    return { at: day.day, value, shown }
  })
}

function costPoint(day: DayPoint): [number, string] {
  return [Number(day.costMicros) / 1e6, formatMicros(BigInt(day.costMicros))]
}

function change(now: Totals['runs'], before: Totals['runs']): string {
  if (before === 0) return 'nothing before'
  const part = (now - before) / before
  return `${part >= 0 ? '+' : '−'}${Math.abs(part * 100).toFixed(0)} % on the time before`
}

function Meter({
  label,
  coverage,
  missing,
}: {
  label: string
  coverage: Coverage
  missing?: { href: string; label: string }
}) {
  const part = coverage.total === 0 ? null : coverage.count / coverage.total
  return (
    <div>
      <dt className="text-[13px] text-muted-foreground">{label}</dt>
      <dd>
        <p className="text-sm font-medium tabular-nums">
          {formatCount(coverage.count)} of {formatCount(coverage.total)} ({percent(part)})
          {missing && coverage.count < coverage.total && (
            <Link href={missing.href} className="ml-2 font-normal text-accent hover:underline">
              {formatCount(coverage.total - coverage.count)} {missing.label}
            </Link>
          )}
        </p>
        <meter className="mt-1 h-2 w-full" min={0} max={1} value={part ?? 0} aria-label={label} />
      </dd>
    </div>
  )
}
