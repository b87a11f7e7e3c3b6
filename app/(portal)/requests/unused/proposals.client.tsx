'use client'

import Link from 'next/link'
import { useState } from 'react'
import { ProposalText } from '#components/reviews/proposal-text.tsx'
import { StartReview } from '#components/reviews/start-review.client.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { plural } from '#components/ui/count.ts'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Checkbox } from '#components/ui/input.tsx'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { ScopeBadge } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { scopeTitle } from '#lib/registry/schema/capabilities.ts'
import { paths } from '#lib/core/paths.ts'
import { type FleetProposal, narrowingOf } from '#lib/scopes/schema/usage.ts'
import { narrowProposed, revokeUnused } from './actions.ts'

/** What could be less: one at a time, or several as a campaign. */
export function Proposals({
  items,
  days,
  whyNot,
}: {
  items: readonly FleetProposal[]
  days: number
  /** `change` by grant: of whose agent it is decides. */
  whyNot: { change: Readonly<Record<string, string | null>>; review: string | null }
}) {
  const [chosen, setChosen] = useState<readonly string[]>([])
  const columns = [choosing(items, { chosen, onChange: setChosen }), ...shared(days), acting(days, whyNot.change)]
  return (
    <>
      <div className="mb-3 flex flex-wrap items-center gap-3 text-sm">
        <span className="text-muted-foreground">{plural(chosen.length, 'grant')} chosen</span>
        <StartReview
          key={chosen.join()}
          grantIds={chosen}
          whyNot={whyNot.review ?? (chosen.length === 0 ? 'Choose the grants that it is about first.' : null)}
        />
      </div>
      <DataTable
        caption="Grants that could be less"
        columns={columns}
        rows={items}
        rowKey={({ grantId }) => grantId}
        empty={
          <EmptyState title="Nothing to propose">
            Every grant that is older than {days} days is needed as it is; of younger ones, and of those with few calls,
            there is too little to tell.
          </EmptyState>
        }
      />
    </>
  )
}

function choosing(
  items: readonly FleetProposal[],
  { chosen, onChange }: { chosen: readonly string[]; onChange: (chosen: readonly string[]) => void },
): Column<FleetProposal> {
  return {
    id: 'choose',
    header: (
      <Checkbox
        aria-label="Choose all on this page"
        checked={items.length > 0 && chosen.length === items.length}
        onChange={(event) => onChange(event.target.checked ? items.map(({ grantId }) => grantId) : [])}
      />
    ),
    cell: ({ grantId, agent, serverId }) => (
      <Checkbox
        aria-label={`Choose ${agent.name}, ${serverId}`}
        checked={chosen.includes(grantId)}
        onChange={(event) =>
          onChange(event.target.checked ? [...chosen, grantId] : chosen.filter((each) => each !== grantId))
        }
      />
    ),
  }
}

function acting(days: number, whyNot: Readonly<Record<string, string | null>>): Column<FleetProposal> {
  return {
    id: 'act',
    header: <span className="sr-only">Action</span>,
    cell: (row) => <Act row={row} days={days} whyNot={whyNot[row.grantId] ?? null} />,
  }
}

function shared(days: number): Column<FleetProposal>[] {
  return [
    {
      id: 'agent',
      header: 'Agent',
      className: 'min-w-40',
      cell: ({ agent, owner, proposal, ...scope }) => (
        <>
          <Link href={paths.agent(agent.id, 'scopes')} className="font-medium text-accent hover:underline">
            {agent.name}
          </Link>
          <span className="block text-muted-foreground">{owner.name}</span>
          {/* Where there is no room for columns of their own. */}
          <div className="mt-1 space-y-1 md:hidden">
            <ScopeBadge serverId={scope.serverId} toolClass={scope.class} toolName={scope.toolName} />
            <ProposalText proposal={proposal} days={days} />
          </div>
        </>
      ),
    },
    {
      id: 'scope',
      header: 'Scope',
      wide: true,
      cell: ({ serverId, class: toolClass, toolName }) => (
        <ScopeBadge serverId={serverId} toolClass={toolClass} toolName={toolName} />
      ),
    },
    {
      id: 'proposal',
      header: 'Proposal',
      wide: true,
      className: 'min-w-56',
      cell: ({ proposal }) => <ProposalText proposal={proposal} days={days} />,
    },
    {
      id: 'last',
      header: `Used, ${days} days`,
      wide: true,
      cell: ({ lastUsedAt }) => <Time value={lastUsedAt} fallback="never" />,
    },
  ]
}

function Act({ row, days, whyNot }: { row: FleetProposal; days: number; whyNot: string | null }) {
  const { grantId, agent, serverId, class: toolClass, toolName, proposal } = row
  const scope = `${serverId}: ${scopeTitle({ toolName, class: toolClass })}`
  if (proposal.kind === 'narrow') {
    return (
      <ReasonButton
        label="Narrow"
        size="sm"
        title={`Narrow ${scope}`}
        description={`${agent.name} keeps ${proposal.toolNames.join(', ')}${proposal.conditions.length > 0 ? ', under the conditions that are named' : ''}, for as long as now, and can ask for more.`}
        confirm="Narrow"
        variant="primary"
        action={narrowProposed}
        input={narrowingOf(grantId, proposal, days)}
        whyNot={whyNot}
        said="The grant is narrowed."
      />
    )
  }
  return (
    <ReasonButton
      label="Revoke"
      size="sm"
      title={`Revoke ${scope}`}
      description={`${agent.name} is refused these tools at its next call, unless another grant covers them.`}
      confirm="Revoke"
      action={revokeUnused}
      input={{ grantId, proposedOver: days }}
      whyNot={whyNot}
      said="The grant is revoked."
    />
  )
}
