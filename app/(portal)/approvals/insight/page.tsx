import type { Metadata } from 'next'
import { Badge } from '#components/ui/badge.tsx'
import { Figure } from '#components/ui/card.tsx'
import { formatCount, plural } from '#components/ui/count.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { percent } from '#components/ui/percent.ts'
import { RangeLinks } from '#components/ui/range-links.tsx'
import { formatDuration } from '#components/ui/time.ts'
import { can } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { holdInsight } from '#lib/guardrails/queries/hold-insight.ts'
import {
  type DeciderInsight,
  type DecisionFigures,
  holdInsightQuery,
  insightDays,
  rubberStampLimits,
  type RuleInsight,
} from '#lib/guardrails/schema/hold-insight.ts'
import { currentCtx } from '#lib/web/ctx.ts'
import { hrefWith, parseSearch, type SearchParams } from '#lib/web/search.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { Suggestions } from './suggestions.tsx'

export const metadata: Metadata = { title: 'How approvals work out' }

export default async function HoldInsightPage({ searchParams }: { searchParams: SearchParams }) {
  const ctx = await currentCtx()
  if (!can(ctx.actor, 'audit:read')) {
    return <EmptyState title="Who decides how is not for everybody">{whyNot(ctx.actor, 'audit:read')}</EmptyState>
  }
  const { days } = await parseSearch(holdInsightQuery, searchParams)
  const insight = await holdInsight(ctx, { days })
  const { overall, rules, deciders, suggestions } = insight
  const { decisions, approvedShare, medianMs } = rubberStampLimits
  return (
    <div className="grid grid-cols-1 gap-6">
      <RangeLinks
        ranges={insightDays}
        current={days}
        label={(range) => `${range} days`}
        href={(range) => hrefWith(paths.approvals('insight'), { days: range })}
      />
      <dl className="grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-6">
        <Figure
          label="Held"
          value={formatCount(overall.held)}
          note={
            overall.met === null
              ? undefined
              : `by rules ${formatCount(overall.heldByRules)} of ${plural(overall.met, 'call')} that they are about`
          }
        />
        <Figure
          label="Held rate"
          value={percent(rate(overall.heldByRules, overall.met))}
          note="of calls that met a rule"
        />
        <Figure label="Median to decide" value={ms(overall.medianMs)} note={`90 % within ${ms(overall.p90Ms)}`} />
        <Figure label="Approved" value={percent(share(overall, overall.approved))} note="as they were" />
        <Figure label="Edited" value={percent(share(overall, overall.edited))} note="and approved" />
        <Figure
          label="Rejected"
          value={percent(share(overall, overall.rejected))}
          note={`${formatCount(overall.expired)} expired, ${formatCount(overall.cancelled)} cancelled`}
        />
      </dl>
      <Suggestions suggestions={suggestions} whyNot={whyNot(ctx.actor, 'holds:manage')} />
      <section>
        <h2 className="text-sm font-semibold">By rule</h2>
        <p className="mt-0.5 mb-2 max-w-4xl text-[13px] text-muted-foreground">
          A call meets a rule by server, tool, class and environment; conditions on arguments are not counted, because
          arguments are not recorded. By whole hours, from the audit log. <strong>Rubber stamp</strong>: {decisions}{' '}
          decisions or more, of which {percent(approvedShare)} or more were approved as they were, with a median under{' '}
          {ms(medianMs)}.
        </p>
        <DataTable
          caption="Held calls by rule"
          columns={ruleColumns}
          rows={rules}
          rowKey={({ rule }) => rule.id ?? 'templates'}
          empty={<EmptyState title="No rule holds calls">Every call that is granted goes through at once.</EmptyState>}
        />
      </section>
      <section>
        <h2 className="mb-2 text-sm font-semibold">By person</h2>
        <DataTable
          caption="Decisions by person"
          columns={deciderColumns}
          rows={deciders}
          rowKey={({ person }) => person.id}
          empty={<EmptyState title="Nobody decided in this time">Decisions are counted here.</EmptyState>}
        />
      </section>
    </div>
  )
}

const ruleColumns: readonly Column<RuleInsight>[] = [
  {
    id: 'rule',
    header: 'Rule',
    className: 'min-w-32',
    cell: ({ rule }) => (
      <>
        <span className="font-medium">{rule.title}</span>
        <span className="mt-1 flex flex-wrap gap-1 empty:hidden">
          {rule.removed && <Badge>removed</Badge>}
          {rule.conditional && <Badge tone="outline">with conditions</Badge>}
        </span>
      </>
    ),
  },
  {
    id: 'held',
    header: 'Held',
    numeric: true,
    cell: ({ held, met }) => (
      <>
        {formatCount(held)}
        {met !== null && (
          <span className="block whitespace-nowrap text-muted-foreground">
            of {formatCount(met)}
            <span className="block sm:ml-1.5 sm:inline">{percent(rate(held, met))}</span>
          </span>
        )}
      </>
    ),
  },
  ...decisionColumns<RuleInsight>(),
  { id: 'expired', header: 'Expired', numeric: true, wide: true, cell: ({ expired }) => formatCount(expired) },
  {
    id: 'cancelled',
    header: 'Cancelled',
    numeric: true,
    wide: 'very',
    cell: ({ cancelled }) => formatCount(cancelled),
  },
]

const deciderColumns: readonly Column<DeciderInsight>[] = [
  { id: 'person', header: 'Person', cell: ({ person }) => <span className="font-medium">{person.name}</span> },
  ...decisionColumns<DeciderInsight>(),
]

function decisionColumns<Row extends DecisionFigures>(): readonly Column<Row>[] {
  return [
    { id: 'median', header: 'Median', numeric: true, cell: (row) => ms(row.medianMs) },
    { id: 'p90', header: '90 % within', numeric: true, wide: true, cell: (row) => ms(row.p90Ms) },
    { id: 'approved', header: 'Approved', numeric: true, cell: (row) => of(row, row.approved) },
    { id: 'edited', header: 'Edited', numeric: true, wide: true, cell: (row) => of(row, row.edited) },
    { id: 'rejected', header: 'Rejected', numeric: true, cell: (row) => of(row, row.rejected) },
    { id: 'stamp', header: 'Rubber stamp', cell: (row) => <Stamp verdict={row.rubberStamp} /> },
  ]
}

function Stamp({ verdict }: { verdict: DecisionFigures['rubberStamp'] }) {
  if (verdict === 'yes') return <Badge tone="warn">looks like it</Badge>
  if (verdict === 'no') return <Badge tone="ok">no</Badge>
  return <span className="text-muted-foreground">insufficient data</span>
}

function decided({ approved, edited, rejected }: DecisionFigures): number {
  return approved + edited + rejected
}

function share(row: DecisionFigures, part: number): number | null {
  return rate(part, decided(row))
}

function of(row: DecisionFigures, part: number) {
  return (
    <>
      {formatCount(part)}
      {decided(row) > 0 && <span className="block text-muted-foreground">{percent(share(row, part))}</span>}
    </>
  )
}

function rate(part: number, whole: number | null): number | null {
  return whole === null || whole === 0 ? null : part / whole
}

function ms(value: number | null): string {
  return value === null ? '–' : formatDuration(value)
}
