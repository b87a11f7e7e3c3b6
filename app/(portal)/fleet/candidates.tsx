import { Archive } from 'lucide-react'
import Link from 'next/link'
import { Badge } from '#components/ui/badge.tsx'
import { Card } from '#components/ui/card.tsx'
import { plural } from '#components/ui/count.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Money } from '#components/ui/money.tsx'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { can } from '#lib/auth/ctx.ts'
import { roleLabel, rolesWith } from '#lib/auth/permissions.ts'
import { paths } from '#lib/core/paths.ts'
import { formatMicros } from '#lib/core/money.ts'
import type { RetirementCandidate, RetirementList, RetirementReason } from '#lib/metrics/schema.ts'
import type { PageCtx } from '#lib/web/ctx.ts'
import { retire } from './actions.ts'
import { percent } from '#components/ui/percent.ts'

/** Agents that may not earn their keep: with the figures that say so, and what retiring them saves. */
export function Candidates({ ctx, list }: { ctx: PageCtx; list: RetirementList }) {
  const whyNot = can(ctx.actor, 'agents:retire')
    ? null
    : `Retiring needs the role ${rolesWith('agents:retire').map(roleLabel).join(', ')}.`
  const { idleDays, escalationRate, minRuns } = list.thresholds
  return (
    <Card
      flush
      title="Candidates for retirement"
      description={`No run for ${idleDays} days, or more than ${percent(escalationRate)} of at least ${minRuns} runs escalated. Retiring all ${plural(list.items.length, 'agent')} would save ${formatMicros(BigInt(list.monthlySavingMicros))} a month, by the average of the last 90 days.`}
    >
      <DataTable
        caption="Candidates for retirement"
        columns={[...columns, retireColumn(whyNot)]}
        rows={list.items}
        rowKey={(candidate) => candidate.agentId}
        empty={<EmptyState title="None">Every agent ran lately and rarely needs a person.</EmptyState>}
      />
    </Card>
  )
}

const columns: readonly Column<RetirementCandidate>[] = [
  {
    id: 'agent',
    header: 'Agent',
    cell: (row) => (
      <>
        <Link href={paths.agent(row.agentId)} className="font-medium text-accent hover:underline">
          {row.name}
        </Link>{' '}
        {row.demo && <Badge tone="outline">demo</Badge>}
        <p className="text-[13px] text-muted-foreground">
          {row.ownerTeamName} · {row.accountablePerson.name}
        </p>
      </>
    ),
  },
  {
    id: 'why',
    header: 'Why',
    cell: (row) => row.reasons.map((reason) => <p key={reason.kind}>{reasonText(reason)}</p>),
  },
  { id: 'last', header: 'Last run', wide: true, cell: (row) => <Time value={row.lastRunAt} fallback="never" /> },
  { id: 'runs', header: 'Runs 30 d', numeric: true, wide: true, cell: (row) => row.monthlyRuns },
  { id: 'saving', header: 'Saves a month', numeric: true, cell: (row) => <Money micros={row.monthlySavingMicros} /> },
]

function retireColumn(whyNot: string | null): Column<RetirementCandidate> {
  return {
    id: 'retire',
    header: <span className="sr-only">Action</span>,
    cell: (row) => (
      <ReasonButton
        label="Retire"
        icon={<Archive aria-hidden />}
        size="sm"
        title={`Retire ${row.name}`}
        description="Its credentials are refused from now on, its grants are revoked and its schedule is switched off. Its history stays."
        confirm={`Retire ${row.name}`}
        action={retire}
        input={{ agentId: row.agentId }}
        whyNot={whyNot}
      />
    ),
  }
}

function reasonText(reason: RetirementReason): string {
  if (reason.kind === 'idle')
    return reason.lastRunAt
      ? `Idle for ${plural(reason.idleDays, 'day')}`
      : `Never ran, for ${plural(reason.idleDays, 'day')}`
  return `${percent(reason.escalationRate)} of ${plural(reason.runs, 'run')} escalated`
}
