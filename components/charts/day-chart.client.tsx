'use client'

import {
  Bar,
  CartesianGrid,
  ComposedChart,
  Line,
  ReferenceLine,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from 'recharts'

/** `at`: a UTC day (`2026-11-25`) or an hour of one (`2026-11-25 14:00`). */
export type ChartPoint = { at: string; value: number | null; shown: string }

const dayLength = 'YYYY-MM-DD'.length

/**
 * One figure by UTC day or hour, as bars (amounts) or a line (rates), with an optional threshold. The same figures stand in a table for those
 * who cannot see the chart; `shown` is the figure in words.
 */
export function DayChart({
  title,
  points,
  kind = 'bars',
  color,
  threshold,
  fractions = kind === 'line',
}: {
  title: string
  points: readonly ChartPoint[]
  kind?: 'bars' | 'line'
  color: 1 | 2 | 3 | 4
  threshold?: { value: number; label: string }
  /** Whether there is a half of it: counts have none. */
  fractions?: boolean
}) {
  const stroke = `var(--chart-${color})`
  // A line of one point has no length.
  const isLone = points.filter(({ value }) => value !== null).length === 1
  return (
    <figure className="min-w-0">
      <figcaption className="mb-2 text-sm font-medium">{title}</figcaption>
      <div aria-hidden className="h-44 text-xs">
        <ResponsiveContainer width="100%" height="100%" initialDimension={{ width: 320, height: 176 }}>
          <ComposedChart
            data={[...points]}
            margin={{ top: 6, right: 4, bottom: 0, left: 0 }}
            accessibilityLayer={false}
          >
            <CartesianGrid vertical={false} stroke="var(--border)" />
            <XAxis
              dataKey="at"
              tickFormatter={shortTime}
              tickLine={false}
              axisLine={false}
              stroke="var(--muted-foreground)"
              minTickGap={40}
            />
            <YAxis
              width={44}
              tickLine={false}
              axisLine={false}
              stroke="var(--muted-foreground)"
              tickFormatter={compact}
              allowDecimals={fractions}
            />
            <Tooltip content={<PointTooltip />} cursor={{ fill: 'var(--muted)' }} isAnimationActive={false} />
            {threshold && (
              <ReferenceLine
                y={threshold.value}
                stroke="var(--danger)"
                strokeDasharray="4 4"
                label={{ value: threshold.label, position: 'insideTopRight', fill: 'var(--danger)', fontSize: 11 }}
                ifOverflow="extendDomain"
              />
            )}
            {kind === 'bars' ? (
              <Bar dataKey="value" fill={stroke} isAnimationActive={false} radius={[2, 2, 0, 0]} />
            ) : (
              <Line
                dataKey="value"
                stroke={stroke}
                strokeWidth={2}
                dot={isLone ? { r: 3, fill: stroke, strokeWidth: 0 } : false}
                isAnimationActive={false}
                connectNulls
              />
            )}
          </ComposedChart>
        </ResponsiveContainer>
      </div>
      <details className="mt-1 text-[13px] text-muted-foreground">
        <summary>As a table</summary>
        <div className="mt-2 max-h-56 overflow-y-auto" tabIndex={0} role="region" aria-label={`${title}, as a table`}>
          <table className="w-full text-left">
            <thead>
              <tr>
                <th scope="col">{points[0] && points[0].at.length > dayLength ? 'Hour' : 'Day'} (UTC)</th>
                <th scope="col" className="text-right">
                  {title}
                </th>
              </tr>
            </thead>
            <tbody>
              {points.map((point) => (
                <tr key={point.at}>
                  <td>{point.at}</td>
                  <td className="text-right tabular-nums">{point.shown}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  )
}

function PointTooltip({ active, payload }: { active?: boolean; payload?: readonly { payload?: ChartPoint }[] }) {
  const point = payload?.[0]?.payload
  if (!active || !point) return null
  return (
    <div className="rounded-md border bg-raised px-2.5 py-1.5 text-xs shadow-md">
      <p className="text-muted-foreground">{point.at}</p>
      <p className="font-medium tabular-nums">{point.shown}</p>
    </div>
  )
}

function shortTime(at: string): string {
  return at.length > dayLength ? at.slice(dayLength + 1) : shortDay.format(new Date(`${at}T00:00:00Z`))
}

const shortDay = new Intl.DateTimeFormat('en', { month: 'short', day: 'numeric', timeZone: 'UTC' })

const compactFormat = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 2 })
function compact(value: number): string {
  return compactFormat.format(value)
}
