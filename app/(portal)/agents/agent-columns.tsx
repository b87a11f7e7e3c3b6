import Link from 'next/link'
import { DemoBadge, TierBadge } from '#components/agents/agent-badges.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { formatCount } from '#components/ui/count.ts'
import type { Column } from '#components/ui/data-table.tsx'
import { Money, Rate } from '#components/ui/money.tsx'
import { ScopeBadge, Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import type { AgentRow } from '#lib/registry/schema.ts'

const scopesShown = 3

export const agentColumns: readonly Column<AgentRow>[] = [
  {
    id: 'agent',
    header: 'Agent',
    sort: 'name',
    className: 'min-w-48',
    cell: (agent) => (
      <>
        <Link href={paths.agent(agent.id)} className="font-medium text-accent hover:underline">
          {agent.name}
        </Link>
        <span className="flex items-center gap-1.5 whitespace-nowrap">
          <code title={agent.id} className="block max-w-44 min-w-0 truncate text-xs text-muted-foreground">
            {agent.id}
          </code>
          {agent.demo && <DemoBadge />}
        </span>
      </>
    ),
  },
  {
    id: 'owner',
    header: 'Owner',
    sort: 'owner',
    wide: true,
    cell: (agent) => (
      <>
        {agent.owner.name}
        <span className="block text-xs text-muted-foreground">{agent.accountable.name}</span>
      </>
    ),
  },
  {
    id: 'status',
    header: 'Status',
    sort: 'status',
    cell: (agent) => (
      <span className="flex flex-wrap gap-1">
        <Status state={agent.status} />
        {agent.tier !== 'low' && <TierBadge tier={agent.tier} />}
      </span>
    ),
  },
  { id: 'scopes', header: 'Scopes', wide: true, cell: (agent) => <Scopes agent={agent} /> },
  { id: 'runs', header: 'Runs 30 d', sort: 'runs', numeric: true, cell: (agent) => formatCount(agent.monthlyRuns) },
  {
    id: 'cost',
    header: 'Cost 30 d',
    sort: 'cost',
    numeric: true,
    cell: (agent) => <Money micros={agent.cost30dMicros} unpriced={agent.unpricedRequests} />,
  },
  {
    id: 'escalation',
    header: 'Escalation',
    sort: 'escalation',
    numeric: true,
    cell: (agent) => <Rate value={agent.escalationRate} />,
  },
  {
    id: 'reviewed',
    header: 'Last review',
    sort: 'reviewed',
    wide: true,
    cell: (agent) => <Time value={agent.lastReviewedAt} fallback="never" />,
  },
  { id: 'template', header: 'Template', wide: 'very', cell: (agent) => <TemplateVersion agent={agent} /> },
]

function Scopes({ agent }: { agent: AgentRow }) {
  if (agent.scopes.length === 0) return <span className="text-muted-foreground">none</span>
  const rest = agent.scopes.slice(scopesShown)
  return (
    <span className="flex max-w-72 flex-wrap gap-1">
      {agent.scopes.slice(0, scopesShown).map((scope) => (
        <ScopeBadge
          key={`${scope.serverId}:${scope.class}:${scope.toolName}`}
          serverId={scope.serverId}
          toolClass={scope.class}
          toolName={scope.toolName}
          environment={scope.environment}
        />
      ))}
      {rest.length > 0 && <Link href={paths.agent(agent.id, 'scopes')}>+{rest.length}</Link>}
    </span>
  )
}

function TemplateVersion({ agent }: { agent: AgentRow }) {
  const { id, version, latest } = agent.template
  return (
    <>
      <Link href={paths.template(id)} className="hover:underline">
        {id}
      </Link>{' '}
      <span className="text-muted-foreground">{version}</span>{' '}
      {latest !== null && latest !== version && <Badge tone="warn">{latest} is out</Badge>}
    </>
  )
}
