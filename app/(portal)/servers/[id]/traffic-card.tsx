import Link from 'next/link'
import { countedUntilText } from '#components/traffic/counted-until.ts'
import { type ChartPoint, DayChart } from '#components/charts/day-chart.client.tsx'
import { Card, Figure } from '#components/ui/card.tsx'
import { formatCount } from '#components/ui/count.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Money } from '#components/ui/money.tsx'
import { percent } from '#components/ui/percent.ts'
import { RangeLinks } from '#components/ui/range-links.tsx'
import { ScopeBadge } from '#components/ui/status.tsx'
import type { Ctx } from '#lib/auth/ctx.ts'
import { formatMicros } from '#lib/core/money.ts'
import { paths } from '#lib/core/paths.ts'
import { serverTraffic } from '#lib/metrics/queries.ts'
import type { ServerTraffic, TrafficPoint, TrafficSums } from '#lib/metrics/schema/traffic.ts'
import { hrefWith } from '#lib/web/search.ts'
import { FailedCalls } from './failed-calls.tsx'

const ranges = [24, 7 * 24, 30 * 24, 90 * 24] as const

type Props = { ctx: Ctx; server: { id: string; demo: boolean }; hours: number }

/** What went through the broker to this server, and what went wrong. */
export async function TrafficCard({ ctx, server: { id: serverId, demo }, hours }: Props) {
  const traffic = await serverTraffic(ctx, { serverId, hours })
  const { totals, previous } = traffic
  const before = `before: ${formatCount(previous.calls)}`
  return (
    <Card
      title="Traffic"
      description={`Counted from the audit log, in UTC; the last bar is unfinished. ${countedUntilText(traffic.countedUntil)}${demo ? ' With the made-up history of demo agents.' : ''}`}
      actions={
        <RangeLinks
          ranges={ranges}
          current={hours}
          label={(range) => (range === 24 ? '24 hours' : `${range / 24} days`)}
          href={(range) => hrefWith(paths.server(serverId), { hours: range })}
        />
      }
    >
      <dl className="mb-5 grid grid-cols-2 gap-3 md:grid-cols-4">
        <Figure
          label="Calls"
          value={formatCount(totals.calls)}
          note={totals.costMicros === '0' ? before : `cost ${formatMicros(BigInt(totals.costMicros))}; ${before}`}
        />
        <Figure
          label="Errors"
          value={percent(errorRate(totals))}
          note={`${formatCount(totals.toolErrors)} of tools, ${formatCount(totals.serverErrors)} of the server; before: ${percent(errorRate(previous))}`}
          href={hrefWith(paths.audit(), { server: serverId, outcome: 'error' })}
        />
        <Figure
          label="Refused"
          value={formatCount(totals.refused)}
          note={`${formatCount(totals.held)} held for a person`}
          href={hrefWith(paths.audit(), { server: serverId, decision: 'deny' })}
        />
        <Figure label="Duration, median" value={inMs(totals.p50Ms)} note={`95 of 100 within ${inMs(totals.p95Ms)}`} />
      </dl>
      {totals.calls + totals.refused === 0 && totals.costMicros === '0' ? (
        <EmptyState title="Nobody called it in this time">Calls show up here within seconds.</EmptyState>
      ) : (
        <>
          <div className="mb-5 grid gap-6 md:grid-cols-2">
            <DayChart title="Calls" color={1} points={pointsOf(traffic, ({ calls }) => calls)} />
            <DayChart title="Errors" color={3} points={pointsOf(traffic, errors)} />
            <DayChart title="Refused calls" color={4} points={pointsOf(traffic, ({ refused }) => refused)} />
            <DayChart
              title="95 of 100 calls within, in ms"
              kind="line"
              color={2}
              points={pointsOf(traffic, ({ p95Ms }) => p95Ms, inMs)}
            />
          </div>
          <DataTable
            caption="Traffic by tool"
            columns={columns}
            rows={traffic.tools.map((tool) => ({ ...tool, serverId }))}
            rowKey={({ tool }) => tool}
          />
        </>
      )}
      <FailedCalls ctx={ctx} serverId={serverId} />
    </Card>
  )
}

type ToolRow = ServerTraffic['tools'][number] & { serverId: string }

const columns: readonly Column<ToolRow>[] = [
  {
    id: 'tool',
    header: 'Tool',
    className: 'min-w-40',
    cell: ({ serverId, tool, class: toolClass }) =>
      toolClass ? (
        <>
          <Link href={paths.serverTool(serverId, tool)} className="font-mono break-all text-accent hover:underline">
            {tool}
          </Link>{' '}
          <ScopeBadge toolClass={toolClass} />
        </>
      ) : (
        <span className={tool ? 'font-mono break-all' : 'text-muted-foreground'}>
          {tool || 'names it does not have'}
        </span>
      ),
  },
  { id: 'calls', header: 'Calls', numeric: true, cell: ({ calls }) => formatCount(calls) },
  { id: 'errors', header: 'Errors', numeric: true, cell: (tool) => percent(errorRate(tool)) },
  { id: 'refused', header: 'Refused', numeric: true, cell: ({ refused }) => formatCount(refused) },
  { id: 'held', header: 'Held', numeric: true, wide: true, cell: ({ held }) => formatCount(held) },
  { id: 'p50', header: 'Median', numeric: true, wide: true, cell: ({ p50Ms }) => inMs(p50Ms) },
  { id: 'p95', header: '95 of 100', numeric: true, wide: true, cell: ({ p95Ms }) => inMs(p95Ms) },
  { id: 'cost', header: 'Cost', numeric: true, wide: true, cell: ({ costMicros }) => <Money micros={costMicros} /> },
  { id: 'agents', header: 'Agents', numeric: true, cell: ({ agents }) => formatCount(agents) },
]

function pointsOf(
  { series, step }: ServerTraffic,
  read: (point: TrafficPoint) => number | null,
  show: (value: number | null) => string = (value) => formatCount(value ?? 0),
): ChartPoint[] {
  return series.map((point) => {
    const value = read(point)
    const at = step === 'hour' ? `${point.at.slice(0, 10)} ${point.at.slice(11, 16)}` : point.at.slice(0, 10)
    return { at, value, shown: show(value) }
  })
}

function errors({ toolErrors, serverErrors }: TrafficSums): number {
  return toolErrors + serverErrors
}

function errorRate(sums: TrafficSums): number | null {
  return sums.calls === 0 ? null : errors(sums) / sums.calls
}

function inMs(ms: number | null): string {
  if (ms === null) return '–'
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`
}
