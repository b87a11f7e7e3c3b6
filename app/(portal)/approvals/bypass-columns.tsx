import { Badge } from '#components/ui/badge.tsx'
import type { Column } from '#components/ui/data-table.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { bypassCallsText, type HoldBypassView } from '#lib/guardrails/schema/hold-bypasses.ts'
import { EndBypassButton } from './bypass-button.client.tsx'

const facts: readonly Column<HoldBypassView>[] = [
  {
    id: 'rule',
    header: 'Rule',
    className: 'min-w-40',
    cell: ({ rule, inForce }) => (
      <>
        <span className="font-medium">{rule.title}</span>
        <span className="mt-1 block">{inForce ? <Badge tone="warn">in force</Badge> : <Badge>ended</Badge>}</span>
      </>
    ),
  },
  {
    id: 'agent',
    header: 'For',
    className: 'min-w-24',
    cell: ({ agent }) =>
      agent?.name ?? (
        <>
          every agent<span className="max-sm:hidden"> but those of their teams</span>
        </>
      ),
  },
  { id: 'reason', header: 'Reason', className: 'min-w-48', cell: ({ reason }) => reason },
  {
    id: 'opened',
    header: 'Opened',
    wide: true,
    cell: ({ openedBy, openedAt }) => (
      <>
        <Time value={openedAt} /> by {openedBy.name}
      </>
    ),
  },
  {
    id: 'until',
    header: 'Until',
    cell: ({ expiresAt, endedAt, endedBy }) => (
      <>
        <Time value={endedAt ?? expiresAt} />
        {endedBy && ` by ${endedBy.name}`}
      </>
    ),
  },
  { id: 'calls', header: 'Calls through', numeric: true, cell: ({ calls }) => bypassCallsText(calls) },
]

export function bypassColumns(whyNot: string | null): readonly Column<HoldBypassView>[] {
  const action: Column<HoldBypassView> = {
    id: 'action',
    header: <span className="sr-only">Action</span>,
    cell: ({ id, inForce }) => inForce && <EndBypassButton bypassId={id} whyNot={whyNot} />,
  }
  return [...facts, action]
}
