import Link from 'next/link'
import { RuleLink } from '#components/rules/rule-link.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Card } from '#components/ui/card.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import type { TrialReport, TrialReports, TrialRow } from '#lib/guardrails/schema/trial-reports.ts'
import { hrefWith } from '#lib/web/search.ts'

/** What a set would have decided otherwise: by its replay and in log-only next to each other, and each difference with its last call. */
export function TrialReportsCard({ reports: { number: set, replay, logOnly } }: { reports: TrialReports }) {
  if (!replay && !logOnly) return null
  const columns: Column<Figure>[] = [
    { id: 'what', header: 'With this text', cell: ({ what }) => what },
    { id: 'replay', header: 'Replay', numeric: true, cell: ({ of }) => (replay ? of(replay) : 'not done') },
    { id: 'logOnly', header: 'Log-only', numeric: true, cell: ({ of }) => (logOnly ? of(logOnly) : 'never') },
  ]
  return (
    <div className="grid gap-5">
      <Card flush title="What it would change" description={summary(replay, logOnly)} className="max-w-3xl">
        <DataTable caption="Replay and log-only" columns={columns} rows={figures} rowKey={({ what }) => what} />
      </Card>
      <div className="grid items-start gap-5 xl:grid-cols-2">
        {replay && <Differences set={set} report={replay} title="Replayed calls it decides otherwise" />}
        {logOnly && <Differences set={set} report={logOnly} title="Live calls it would have decided otherwise" />}
      </div>
    </div>
  )
}

function summary(replay: TrialReport | null, logOnly: TrialReport | null): string {
  const said = [replay && `Replay: ${replay.says[0]}`, logOnly && `Log-only: ${logOnly.says[0]}`]
  return said.filter((text) => text).join(' ')
}

type Figure = { what: string; of: (report: TrialReport) => React.ReactNode }

const number = (count: number) => count.toLocaleString('en')

const figures: readonly Figure[] = [
  { what: 'Since', of: ({ from }) => <Time value={from} /> },
  { what: 'Until', of: ({ to, running }) => (running ? 'now' : <Time value={to} />) },
  { what: 'Calls the policies decided', of: ({ calls }) => number(calls) },
  { what: 'It could be asked about', of: ({ judged }) => number(judged) },
  { what: 'Would have been blocked', of: ({ blocked }) => number(blocked.calls) },
  { what: 'Agents blocked', of: ({ blocked }) => number(blocked.agents) },
  { what: 'Would have been allowed', of: ({ permitted }) => number(permitted.calls) },
  { what: 'Agents allowed', of: ({ permitted }) => number(permitted.agents) },
]

function Differences({ set, report, title }: { set: number; report: TrialReport; title: string }) {
  const { replayId, rows } = report
  const callsPath = replayId === null ? paths.policySetCalls(set) : paths.policyReplay(replayId)
  return (
    <Card flush title={title} description={rows.length === 100 ? 'The hundred with most calls.' : undefined}>
      <DataTable
        caption={title}
        columns={differenceColumns}
        rows={rows.map((row) => ({ ...row, callsPath }))}
        rowKey={({ kind, agentId, rule, refusedBy, serverId, tool }) =>
          [kind, agentId, rule, refusedBy, serverId, tool].join(' ')
        }
        empty={<p className="p-4 text-sm">No other decision is known of the calls it was asked about.</p>}
      />
    </Card>
  )
}

const differenceColumns: readonly Column<TrialRow & { callsPath: string }>[] = [
  {
    id: 'agent',
    header: 'Agent and tool',
    cell: ({ agentId, agentName, serverId, tool }) => (
      <>
        <Link href={paths.agent(agentId)} className="text-accent hover:underline">
          {agentName ?? agentId}
        </Link>
        <span className="block font-mono text-xs break-all">
          {serverId}/{tool}
        </span>
      </>
    ),
  },
  {
    id: 'would',
    header: 'Would be',
    cell: ({ kind, rule, refusedBy, agentId }) => (
      <>
        <Badge tone={kind === 'blocked' ? 'danger' : 'ok'}>{kind === 'blocked' ? 'refused' : 'permitted'}</Badge>{' '}
        <RuleLink id={kind === 'blocked' ? rule : (refusedBy ?? rule)} agentId={agentId} />
      </>
    ),
  },
  {
    id: 'calls',
    header: 'Calls',
    numeric: true,
    cell: ({ calls, callsPath, kind, agentId, serverId, tool, rule }) => (
      <Link
        href={`${hrefWith(callsPath, { kind, agent: agentId, server: serverId, tool, rule })}#calls`}
        className="text-accent underline"
      >
        {number(calls)}
      </Link>
    ),
  },
  {
    id: 'last',
    header: 'Last',
    cell: ({ lastAt, lastDecision }) =>
      lastAt && lastDecision ? (
        <Link href={paths.decision(lastDecision)} className="text-accent hover:underline">
          <Time value={lastAt} />
        </Link>
      ) : (
        'among the calls'
      ),
  },
]
