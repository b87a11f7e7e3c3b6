import Link from 'next/link'
import { RuleLink } from '#components/rules/rule-link.client.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Card } from '#components/ui/card.tsx'
import { plural } from '#components/ui/count.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import type { LogOnlyReport, LogOnlyRow } from '#lib/guardrails/schema/policy-sets.ts'

/** What a set would have decided otherwise while it was log-only: each row opens the last of its calls. */
export function LogOnlyReportCard({ report, running }: { report: LogOnlyReport; running: boolean }) {
  const { calls, unread, wouldRefuse, wouldPermit, agents } = report
  return (
    <Card
      flush
      title="Log-only"
      description={
        <>
          It would have refused {wouldRefuse.toLocaleString('en')} and permitted {wouldPermit.toLocaleString('en')}{' '}
          otherwise of {plural(calls, 'call')}, by {plural(agents, 'agent')}, since <Time value={report.from} />
          {running ? '' : ', until it was ended'}.
          {unread > 0 && ` A broker could not read it for ${plural(unread, 'call')}: of these nothing is known.`}
        </>
      }
    >
      <DataTable
        caption="Calls it would have decided otherwise"
        columns={columns}
        rows={report.rows}
        rowKey={({ agentId, rule, refusedBy, serverId, tool }) => [agentId, rule, refusedBy, serverId, tool].join(' ')}
        empty={
          <p className="p-4 text-sm">
            {unread > 0
              ? 'No other decision is known of the calls it was asked about.'
              : 'It would have decided every call as it was decided.'}
          </p>
        }
      />
    </Card>
  )
}

const columns: readonly Column<LogOnlyRow>[] = [
  {
    id: 'agent',
    header: 'Agent',
    cell: ({ agentId, agentName }) => (
      <Link href={paths.agent(agentId)} className="text-accent hover:underline">
        {agentName}
      </Link>
    ),
  },
  {
    id: 'tool',
    header: 'Tool',
    cell: ({ serverId, tool }) => (
      <span className="font-mono text-xs break-all">
        {serverId}/{tool}
      </span>
    ),
  },
  {
    id: 'would',
    header: 'Would have been',
    cell: ({ rule, agentId }) =>
      rule ? (
        <>
          <Badge tone="danger">refused</Badge> <RuleLink id={rule} agentId={agentId} />
        </>
      ) : (
        <Badge tone="ok">permitted</Badge>
      ),
  },
  {
    id: 'was',
    header: 'Was',
    wide: true,
    cell: ({ refusedBy, agentId }) => (refusedBy ? <RuleLink id={refusedBy} agentId={agentId} /> : 'allowed'),
  },
  { id: 'calls', header: 'Calls', numeric: true, cell: ({ calls }) => calls.toLocaleString('en') },
  {
    id: 'last',
    header: 'Last',
    cell: ({ lastAt, lastDecision }) => (
      <Link href={paths.decision(lastDecision)} className="text-accent hover:underline">
        <Time value={lastAt} />
      </Link>
    ),
  },
]
