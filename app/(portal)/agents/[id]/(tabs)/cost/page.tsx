import type { Metadata } from 'next'
import { type ChartPoint, DayChart } from '#components/charts/day-chart.client.tsx'
import { Card, Figure } from '#components/ui/card.tsx'
import { formatCount, plural } from '#components/ui/count.ts'
import { Money } from '#components/ui/money.tsx'
import { RangeLinks } from '#components/ui/range-links.tsx'
import { monthName } from '#components/ui/time.ts'
import { formatMicros } from '#lib/core/money.ts'
import { paths } from '#lib/core/paths.ts'
import { agentMetrics } from '#lib/metrics/queries.ts'
import { type DayPoint, metricsRange } from '#lib/metrics/schema.ts'
import { hrefWith, parseSearch, type SearchParams } from '#lib/web/search.ts'
import { loadAgent } from '../../load-agent.ts'

export const metadata: Metadata = { title: 'Cost' }

type Props = { params: Promise<{ id: string }>; searchParams: SearchParams }

const ranges = [7, 30, 90] as const

export default async function AgentCostPage({ params, searchParams }: Props) {
  const { ctx, agent } = await loadAgent((await params).id)
  const { days } = await parseSearch(metricsRange, searchParams)
  const { totals, previous, month, series, from, to } = await agentMetrics(ctx, { agentId: agent.id, days })
  const perRun = totals.runs > 0 ? (BigInt(totals.costMicros) / BigInt(totals.runs)).toString() : null
  return (
    <div className="grid gap-5">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <p className="text-[13px] text-muted-foreground">
          From {from} to {to} (UTC; the last day is unfinished). Model usage at list prices and calls of tools at the
          price each had, measured.
        </p>
        <RangeLinks
          ranges={ranges}
          current={days}
          label={(range) => `${range} days`}
          href={(range) => hrefWith(paths.agent(agent.id, 'cost'), { days: range })}
        />
      </div>
      <dl className="grid grid-cols-2 gap-3 md:grid-cols-4">
        <Figure
          label="Cost"
          value={<Money micros={totals.costMicros} unpriced={totals.unpricedRequests} />}
          note={`${formatMicros(BigInt(previous.costMicros))} in the ${plural(days, 'day')} before`}
        />
        <Figure
          label="Cost a run"
          value={perRun === null ? '–' : <Money micros={perRun} />}
          note={`over ${plural(totals.runs, 'run')}`}
        />
        <Figure
          label={`Spend in ${monthName(month.month)}`}
          value={<Money micros={month.spentMicros} unpriced={month.unpricedRequests} />}
          note={`of ${formatMicros(BigInt(month.budgetMicros))}`}
        />
        <Figure
          label="Tool calls"
          value={formatCount(totals.toolCalls)}
          note={
            totals.callCostMicros === '0'
              ? `${formatCount(totals.deniedCalls)} denied`
              : `${formatCount(totals.deniedCalls)} denied; calls cost ${formatMicros(BigInt(totals.callCostMicros))}`
          }
        />
      </dl>
      <Card title="By day">
        <div className="grid gap-6 md:grid-cols-2">
          <DayChart title="Cost in dollars" fractions color={2} points={series.map(costPoint)} />
          <DayChart title="Runs" color={1} points={series.map(runsPoint)} />
        </div>
      </Card>
    </div>
  )
}

function costPoint(day: DayPoint): ChartPoint {
  const unpriced = day.unpricedRequests > 0 ? `, ${day.unpricedRequests} requests not priced` : ''
  return { at: day.day, value: Number(day.costMicros) / 1e6, shown: formatMicros(BigInt(day.costMicros)) + unpriced }
}

function runsPoint(day: DayPoint): ChartPoint {
  return { at: day.day, value: day.runs, shown: formatCount(day.runs) }
}
