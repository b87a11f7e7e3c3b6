import Link from 'next/link'
import type { z } from 'zod'
import { Card } from '#components/ui/card.tsx'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { paths } from '#lib/core/paths.ts'
import type { DifferenceSum, PolicyReplayReport, replayCallsQuery } from '#lib/guardrails/schema/replays.ts'
import { hrefWith } from '#lib/web/search.ts'

type Query = z.output<typeof replayCallsQuery>
type Filter = Partial<Pick<Query, 'agent' | 'server' | 'tool' | 'rule'>>
/** A row with where its calls are listed. */
type Listed<Row> = Row & { id: string; filter: Filter }

/** What the set would decide otherwise, by policy, agent and tool; each number lists its calls below. */
export function DifferenceTables({ report }: { report: PolicyReplayReport }) {
  const { id, byPolicy, byAgent, byTool } = report
  return (
    <div className="grid items-start gap-5 lg:grid-cols-2">
      <Card flush title="By policy" className="lg:col-span-2">
        <DataTable
          caption="By policy"
          columns={policyColumns}
          rows={byPolicy.map((row) => ({ ...row, id, filter: { rule: row.rule } }))}
          rowKey={({ rule }) => rule}
        />
      </Card>
      <Card flush title="By agent" description={firstOf(byAgent.length)}>
        <DataTable
          caption="By agent"
          columns={agentColumns}
          rows={byAgent.map((row) => ({ ...row, id, filter: { agent: row.agentId } }))}
          rowKey={({ agentId }) => agentId}
        />
      </Card>
      <Card flush title="By tool" description={firstOf(byTool.length)}>
        <DataTable
          caption="By tool"
          columns={toolColumns}
          rows={byTool.map((row) => ({ ...row, id, filter: { server: row.serverId, tool: row.tool } }))}
          rowKey={({ serverId, tool }) => `${serverId}/${tool}`}
        />
      </Card>
    </div>
  )
}

function firstOf(count: number): string | undefined {
  return count === 100 ? 'The hundred with most calls.' : undefined
}

function counted<Row extends DifferenceSum>(kind: Query['kind'], header: string): Column<Listed<Row>> {
  return {
    id: kind,
    header,
    numeric: true,
    cell: ({ [kind]: calls, id, filter }) =>
      calls === 0 ? (
        '0'
      ) : (
        <Link href={`${hrefWith(paths.policyReplay(id), { kind, ...filter })}#calls`} className="text-accent underline">
          {calls.toLocaleString('en')}
        </Link>
      ),
  }
}

const policyColumns: readonly Column<Listed<PolicyReplayReport['byPolicy'][number]>>[] = [
  {
    id: 'policy',
    header: 'Policy',
    cell: ({ rule, title }) => (
      <>
        {title} <code className="block text-xs break-all text-muted-foreground">{rule}</code>
      </>
    ),
  },
  counted('blocked', 'Would block'),
  counted('permitted', 'Would allow'),
]
const agentColumns: readonly Column<Listed<PolicyReplayReport['byAgent'][number]>>[] = [
  {
    id: 'agent',
    header: 'Agent',
    cell: ({ agentId, name }) => (
      <Link href={paths.agent(agentId)} className="text-accent hover:underline">
        {name ?? agentId}
      </Link>
    ),
  },
  counted('blocked', 'Would block'),
  counted('permitted', 'Would allow'),
]
const toolColumns: readonly Column<Listed<PolicyReplayReport['byTool'][number]>>[] = [
  {
    id: 'tool',
    header: 'Tool',
    cell: ({ serverId, tool }) => (
      <span className="font-mono text-xs break-all">
        {serverId}/{tool}
      </span>
    ),
  },
  counted('blocked', 'Would block'),
  counted('permitted', 'Would allow'),
]
