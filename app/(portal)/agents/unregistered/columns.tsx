import Link from 'next/link'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import type { Column } from '#components/ui/data-table.tsx'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import type { UnregisteredRow, UnregisteredSource } from '#lib/registry/schema/unregistered.ts'
import { dismiss } from './actions.ts'

export const sourceWords = {
  claude: 'At Claude',
  broker: 'Refused by the broker',
  token_endpoint: 'Refused a token',
  import: 'Imported',
} as const satisfies Record<UnregisteredSource, string>

type May = { adopt: boolean; whyNotDismiss: string | null }

export function unregisteredColumns(may: May): readonly Column<UnregisteredRow>[] {
  return [
    {
      id: 'name',
      header: 'Name',
      cell: (row) => (
        <>
          <span className="font-medium break-words">{row.name}</span>
          <code className="block max-w-sm text-xs break-all text-muted-foreground">{row.key}</code>
        </>
      ),
    },
    {
      id: 'source',
      header: 'Found',
      cell: (row) => (
        <>
          <span className="block">{sourceWords[row.source]}</span>
          {!row.verified && <Badge tone="warn">only claimed</Badge>}
        </>
      ),
    },
    { id: 'detail', header: 'What is known', wide: true, cell: (row) => <Detail row={row} /> },
    { id: 'count', header: 'Seen', wide: true, cell: (row) => <span className="tabular-nums">{row.count}</span> },
    { id: 'first', header: 'First', wide: true, cell: (row) => <Time value={row.firstSeenAt} /> },
    { id: 'last', header: 'Last', wide: true, cell: (row) => <Time value={row.lastSeenAt} /> },
    {
      id: 'action',
      header: <span className="sr-only">Action</span>,
      cell: (row) => (row.state === 'open' ? <Actions row={row} may={may} /> : <Decided row={row} />),
    },
  ]
}

function Detail({ row: { detail, reason } }: { row: UnregisteredRow }) {
  const known = Object.entries(detail)
  if (reason) known.push(['dismissed before', reason])
  return (
    <dl className="max-w-md text-[13px]">
      {known.map(([label, value]) => (
        <div key={label} className="flex gap-1.5">
          <dt className="shrink-0 text-muted-foreground">{label.replaceAll('_', ' ')}</dt>
          <dd className="min-w-0 break-words">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function Actions({ row, may }: { row: UnregisteredRow; may: May }) {
  return (
    <div className="flex flex-col items-start gap-2 2xl:flex-row">
      {may.adopt && (
        <Button size="sm" asChild>
          <Link href={paths.adoptAgent(row.id)} aria-label={`Adopt ${row.name}`}>
            Adopt
          </Link>
        </Button>
      )}
      <ReasonButton
        label="Dismiss"
        size="sm"
        title={`Dismiss ${row.name}`}
        description="It is not shown any more, and comes back when it acts again: a caller after a day, an agent at Claude with a new version or session."
        confirm="Dismiss finding"
        action={dismiss}
        input={{ unregisteredId: row.id }}
        whyNot={may.whyNotDismiss}
        said={`${row.name} is dismissed.`}
      />
    </div>
  )
}

function Decided({ row }: { row: UnregisteredRow }) {
  if (row.agentId !== null) {
    return (
      <Link href={paths.agent(row.agentId)} className="underline">
        {row.agentId}
      </Link>
    )
  }
  return (
    <span className="text-[13px] text-muted-foreground">
      {row.state === 'gone' ? 'Not at Claude any more' : `${row.decidedByName ?? 'Somebody'}: ${row.reason ?? ''}`}
    </span>
  )
}
