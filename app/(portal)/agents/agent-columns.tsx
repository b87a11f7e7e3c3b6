import Link from 'next/link'
import { isOrphaned, OrphanBadge, TierBadge } from '#components/agents/agent-badges.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { formatCount } from '#components/ui/count.ts'
import { CopyButton } from '#components/ui/copy-button.client.tsx'
import type { Column } from '#components/ui/data-table.tsx'
import { Money, Rate } from '#components/ui/money.tsx'
import { ScopeBadge, Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import { type CatalogColumn, catalogColumns } from '#lib/registry/schema/columns.ts'
import type { AgentRow } from '#lib/registry/schema.ts'
import { SelectAgent, SelectPage } from './selection.client.tsx'

const scopesShown = 2
const tierTones = { medium: 'text-warn', high: 'font-medium text-danger' } as const

const columnsById: Readonly<Record<CatalogColumn, Omit<Column<AgentRow>, 'id'> & { header: string }>> = {
  agent: {
    header: 'Agent',
    sort: 'name',
    className: 'min-w-36 md:min-w-48',
    cell: (agent) => <AgentName agent={agent} href={paths.agent(agent.id)} />,
  },
  owner: {
    header: 'Owner',
    sort: 'owner',
    wide: true,
    cell: (agent) => (
      <>
        <span title={agent.owner.name} className="block max-w-23 truncate 2xl:max-w-44">
          {agent.owner.name}
        </span>
        <span
          title={agent.accountable.name}
          className="block max-w-23 truncate text-xs text-muted-foreground 2xl:max-w-44"
        >
          {agent.accountable.name}
        </span>
      </>
    ),
  },
  status: {
    header: 'Status',
    sort: 'status',
    cell: (agent) => (
      <>
        <Status state={agent.status} />
        <span className="mt-0.5 -mr-1.5 flex flex-wrap gap-x-1 text-[11px] whitespace-nowrap">
          {agent.tier !== 'low' && <span className={tierTones[agent.tier]}>{agent.tier} risk</span>}
          {agent.demo && <span className="text-muted-foreground">demo</span>}
          {isOrphaned(agent) && <OrphanBadge />}
        </span>
      </>
    ),
  },
  sponsor: {
    header: 'Accountable',
    sort: 'sponsor',
    wide: true,
    cell: (agent) => (agent.accountable.active ? agent.accountable.name : `${agent.accountable.name} (left)`),
  },
  tier: { header: 'Risk tier', sort: 'tier', cell: (agent) => <TierBadge tier={agent.tier} /> },
  scopes: { header: 'Scopes', sort: 'scopes', wide: true, cell: (agent) => <Scopes agent={agent} /> },
  runs: { header: 'Runs 30 d', sort: 'runs', numeric: true, cell: (agent) => formatCount(agent.monthlyRuns) },
  cost: {
    header: 'Cost 30 d',
    sort: 'cost',
    numeric: true,
    cell: (agent) => <Money micros={agent.cost30dMicros} unpriced={agent.unpricedRequests} />,
  },
  escalation: {
    header: 'Escalation',
    sort: 'escalation',
    numeric: true,
    cell: (agent) => <Rate value={agent.escalationRate} />,
  },
  reviewed: {
    header: 'Last review',
    sort: 'reviewed',
    wide: 'very',
    cell: (agent) => <Time value={agent.lastReviewedAt} fallback="never" />,
  },
  next_review: {
    header: 'Next review',
    sort: 'next_review',
    wide: true,
    cell: (agent) => <Time value={agent.nextReviewAt} fallback="none" />,
  },
  active: {
    header: 'Last run',
    sort: 'active',
    wide: true,
    cell: (agent) => <LastRun agent={agent} />,
  },
  model: { header: 'Model', sort: 'model', wide: true, cell: (agent) => agent.model },
  created: {
    header: 'Registered',
    sort: 'created',
    wide: true,
    cell: (agent) => <Time value={agent.createdAt} fallback="" />,
  },
  template: {
    header: 'Template',
    sort: 'template',
    wide: 'very',
    cell: (agent) => <TemplateVersion agent={agent} />,
  },
}

export const columnLabels = Object.fromEntries(catalogColumns.map((id) => [id, columnsById[id].header])) as Record<
  CatalogColumn,
  string
>

/** The columns chosen, in the order given, behind the box that selects an agent; in the past there is nothing to select one for. */
export function agentColumns(
  chosen: readonly CatalogColumn[],
  options: { widths: Readonly<Record<string, number>>; ids: readonly string[] | null; asOf?: string | undefined },
): Column<AgentRow>[] {
  const { widths, ids, asOf } = options
  const shown = chosen.map((id): Column<AgentRow> => {
    const column = { id, ...columnsById[id], width: widths[id] }
    return id === 'agent' && asOf !== undefined ? { ...column, cell: pastAgentCell(asOf) } : column
  })
  if (ids === null) return shown
  const select: Column<AgentRow> = {
    id: 'select',
    header: <SelectPage ids={ids} />,
    className: 'w-8',
    cell: (agent) => <SelectAgent id={agent.id} name={agent.name} />,
  }
  return [select, ...shown]
}

function pastAgentCell(asOf: string) {
  return (agent: AgentRow) => <AgentName agent={agent} href={paths.agentPast(agent.id, asOf)} />
}

function AgentName({ agent, href }: { agent: AgentRow; href: string }) {
  return (
    <>
      <Link prefetch={false} href={href} className="font-medium text-accent hover:underline">
        {agent.name}
      </Link>
      <span className="relative block">
        <code className="block text-[11px] wrap-anywhere text-muted-foreground">{agent.id}</code>
        {/* It takes no room of the id: it lies over the end of the cell of the row that is pointed at. */}
        <CopyButton
          text={agent.id}
          what={`agent id ${agent.id}`}
          size="icon-sm"
          className="absolute -top-1 -right-1 size-6 bg-surface opacity-0 focus-visible:opacity-100 max-md:hidden [tr:hover_&]:opacity-100"
        />
      </span>
    </>
  )
}

/** The order is by the last run or, of one that never ran, by its registration: both are said. */
function LastRun({ agent }: { agent: AgentRow }) {
  if (agent.lastRunDay !== null) return <Time value={agent.lastRunDay} fallback="" />
  return (
    <>
      never
      <span className="block text-xs text-muted-foreground">
        registered <Time value={agent.createdAt} fallback="" />
      </span>
    </>
  )
}

function Scopes({ agent }: { agent: AgentRow }) {
  if (agent.scopes.length === 0) return <span className="text-muted-foreground">none</span>
  const rest = agent.scopes.slice(scopesShown)
  return (
    <span className="flex max-w-72 flex-wrap items-center gap-x-1 gap-y-0.5">
      {agent.scopes.slice(0, scopesShown).map((scope, at) => (
        <ScopeBadge
          // An agent may hold two grants of one kind.
          // oxlint-disable-next-line react/no-array-index-key
          key={`${scope.serverId}:${scope.class}:${scope.toolName}:${at}`}
          serverId={scope.serverId}
          toolClass={scope.class}
          toolName={scope.toolName}
          environment={scope.environment}
        />
      ))}
      {rest.length > 0 && (
        <Link prefetch={false} href={paths.agent(agent.id, 'scopes')} title={`${rest.length} more scopes`}>
          +{rest.length}
        </Link>
      )}
    </span>
  )
}

function TemplateVersion({ agent }: { agent: AgentRow }) {
  const { id, version, latest } = agent.template
  return (
    <>
      <Link prefetch={false} href={paths.template(id)} className="hover:underline">
        {id}
      </Link>{' '}
      <span className="text-muted-foreground">{version}</span>{' '}
      {latest !== null && latest !== version && <Badge tone="warn">{latest} is out</Badge>}
    </>
  )
}
