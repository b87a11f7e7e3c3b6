import type { Metadata } from 'next'
import Link from 'next/link'
import { countedUntilText } from '#components/traffic/counted-until.ts'
import { Badge } from '#components/ui/badge.tsx'
import { Card } from '#components/ui/card.tsx'
import { formatCount } from '#components/ui/count.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { percent } from '#components/ui/percent.ts'
import { RangeLinks } from '#components/ui/range-links.tsx'
import { Status } from '#components/ui/status.tsx'
import { paths } from '#lib/core/paths.ts'
import { agentTraffic } from '#lib/metrics/queries.ts'
import { agentTrafficQuery } from '#lib/metrics/schema/traffic.ts'
import { similarAgents } from '#lib/registry/queries.ts'
import type { SimilarAgent } from '#lib/registry/schema/similar.ts'
import { hrefWith, parseSearch, type SearchParams } from '#lib/web/search.ts'
import { loadAgent } from '../../load-agent.ts'
import { Lineage } from './lineage.tsx'
import { TrafficGraph } from './traffic-graph.tsx'

export const metadata: Metadata = { title: 'Connections' }

type Props = { params: Promise<{ id: string }>; searchParams: SearchParams }

const ranges = [7, 30, 90] as const
const pageQuery = agentTrafficQuery.pick({ days: true })

export default async function ConnectionsPage({ params, searchParams }: Props) {
  const { ctx, agent } = await loadAgent((await params).id)
  const { days } = await parseSearch(pageQuery, searchParams)
  const [traffic, similar] = await Promise.all([
    agentTraffic(ctx, { agentId: agent.id, days }),
    similarAgents(ctx, { agentId: agent.id, limit: 10 }),
  ])
  return (
    <div className="grid grid-cols-1 gap-5">
      <Card
        title="Who calls what"
        description={`Observed at the broker from ${traffic.from} to ${traffic.to} (UTC), not what it may do. ${countedUntilText(traffic.countedUntil)}${agent.demo ? ' With made-up demo history.' : ''}`}
        actions={
          <RangeLinks
            ranges={ranges}
            current={days}
            label={(range) => `${range} days`}
            href={(range) => hrefWith(paths.agent(agent.id, 'connections'), { days: range })}
          />
        }
      >
        {traffic.servers.length === 0 ? (
          <EmptyState title="No call was observed in this time">Calls show up here within seconds.</EmptyState>
        ) : (
          <TrafficGraph agent={agent} traffic={traffic} />
        )}
      </Card>
      <Lineage agent={agent} />
      <section>
        <h2 className="mb-1 text-sm font-semibold">Similar agents</h2>
        <p className="mb-2 text-[13px] text-muted-foreground">
          They hold much the same scopes for much the same purpose: maybe one would do.
        </p>
        <DataTable
          caption={`Agents similar to ${agent.name}`}
          columns={similarColumns}
          rows={similar}
          rowKey={({ id }) => id}
          empty={
            <EmptyState title="No other agent is much like it">Nothing to merge with, nothing to copy from.</EmptyState>
          }
        />
      </section>
    </div>
  )
}

const similarColumns: readonly Column<SimilarAgent>[] = [
  {
    id: 'agent',
    header: 'Agent',
    className: 'min-w-56',
    cell: ({ id, name, purpose }) => (
      <>
        <Link href={paths.agent(id)} className="font-medium text-accent hover:underline">
          {name}
        </Link>
        <span className="line-clamp-1 text-muted-foreground">{purpose}</span>
      </>
    ),
  },
  { id: 'owner', header: 'Owner', wide: true, cell: ({ owner }) => owner.name },
  { id: 'status', header: 'Status', wide: true, cell: ({ status }) => <Status state={status} /> },
  {
    id: 'scopes',
    header: 'Scopes in common',
    numeric: true,
    cell: ({ scopes }) => `${formatCount(scopes.shared)} of ${formatCount(scopes.of)}`,
  },
  { id: 'purpose', header: 'Purpose alike', numeric: true, cell: ({ purposeAlike }) => percent(purposeAlike) },
  {
    id: 'template',
    header: 'Template',
    wide: true,
    cell: ({ sameTemplate }) => (sameTemplate ? <Badge>the same</Badge> : 'another'),
  },
  { id: 'score', header: 'Alike', numeric: true, cell: ({ score }) => percent(score) },
]
