import type { Metadata } from 'next'
import Link from 'next/link'
import { DemoBadge, EnvironmentBadge, isOrphaned, OrphanBadge, TierBadge } from '#components/agents/agent-badges.tsx'
import { AsOfForm } from '#components/history/as-of-form.tsx'
import { PastBanner } from '#components/history/past-banner.tsx'
import { LimitsList } from '#components/scopes/limits-list.tsx'
import { ReachList, ReachOnPhone } from '#components/scopes/reach-list.tsx'
import { Card } from '#components/ui/card.tsx'
import { formatCount } from '#components/ui/count.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { Money, Rate } from '#components/ui/money.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { ScopeBadge, Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { formatMicros } from '#lib/core/money.ts'
import { paths } from '#lib/core/paths.ts'
import { getAgentAsOf, getMoment } from '#lib/registry/queries.ts'
import type { AccessGrant, AgentView } from '#lib/registry/schema.ts'
import type { MomentView } from '#lib/registry/schema/history.ts'
import { type Unanswered, unanswered } from '#lib/web/asked-again.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'
import { loadAgent } from '../load-agent.ts'

export const metadata: Metadata = { title: 'Agent, as it was' }

type Props = { params: Promise<{ id: string }>; searchParams: SearchParams }

/** An agent as it was at `?asOf=`: nothing on it can be pressed but the ways to another instant. */
export default async function PastAgentPage({ params, searchParams }: Props) {
  const { ctx, agent: now } = await loadAgent((await params).id)
  const asOf = String((await searchParams)['asOf'] ?? '')
  const here = paths.agentPast(now.id)
  const form = <AsOfForm action={here} asOf={asOf} />
  const crumbs = [
    { href: paths.agents(), label: 'Agents' },
    { href: paths.agent(now.id), label: now.name },
  ]
  const found = await read(ctx, { agentId: now.id, asOf })
  if ('problem' in found) {
    return (
      <>
        <PageHeader crumbs={crumbs} title="As it was" actions={form} />
        <Notice kind="warn" title="There is nothing to show">
          {found.problem}{' '}
          <Link href={paths.agent(now.id)} className="underline underline-offset-2">
            Back to now
          </Link>
        </Notice>
      </>
    )
  }
  const { agent, moment } = found
  return (
    <>
      <PageHeader
        crumbs={crumbs}
        title={agent.name}
        description={agent.purpose}
        badges={
          <>
            <Status state={agent.status} />
            <TierBadge tier={agent.tier} />
            {isOrphaned(agent) && <OrphanBadge />}
            {agent.demo && <DemoBadge />}
          </>
        }
        actions={form}
      />
      <PastBanner moment={moment} nowHref={paths.agent(agent.id)} />
      <div className="grid gap-5 lg:grid-cols-2">
        <Card
          title="Registry entry"
          actions={
            <Link
              href={hrefWith(paths.agent(agent.id, 'history'), { from: moment.at })}
              className="text-[13px] text-accent hover:underline"
            >
              What has changed since
            </Link>
          }
        >
          <Entry agent={agent} />
        </Card>
        <Card title="The 30 days up to then">
          <Facts>
            <Fact label="Runs">{formatCount(agent.monthlyRuns)}</Fact>
            <Fact label="Cost">
              <Money micros={agent.cost30dMicros} unpriced={agent.unpricedRequests} />
            </Fact>
            <Fact label="Escalation rate">
              <Rate value={agent.escalationRate} />
            </Fact>
            <Fact label="Requests waiting">{formatCount(agent.pendingScopeRequests)}</Fact>
          </Facts>
        </Card>
      </div>
      <h2 className="mt-6 mb-2 text-sm font-semibold">What it could reach</h2>
      <DataTable
        caption={`Grants of ${agent.name} in force then`}
        columns={columns}
        rows={agent.access}
        rowKey={(grant) => grant.id}
        empty={<EmptyState title="It could reach nothing">No grant was in force.</EmptyState>}
      />
    </>
  )
}

async function read(
  ctx: Parameters<typeof getAgentAsOf>[0],
  asked: { agentId: string; asOf: string },
): Promise<{ agent: AgentView; moment: MomentView } | Unanswered> {
  try {
    const moment = await getMoment(ctx, { field: 'asOf', value: asked.asOf })
    return { moment, agent: await getAgentAsOf(ctx, asked) }
  } catch (error) {
    return unanswered(error)
  }
}

function Entry({ agent }: { agent: AgentView }) {
  return (
    <Facts>
      <Fact label="Owner">{agent.owner.name}</Fact>
      <Fact label="Accountable">
        {agent.accountable.name}
        {!agent.accountable.active && <span className="text-danger"> (deactivated)</span>}
      </Fact>
      {agent.statusReason && <Fact label="Because">{agent.statusReason}</Fact>}
      <Fact label="Template">
        {agent.template.id} {agent.template.version}
      </Fact>
      <Fact label="Version">{agent.version}</Fact>
      <Fact label="Model">{agent.model || '–'}</Fact>
      <Fact label="Schedule">
        {agent.schedule ? `${agent.schedule} (UTC)${agent.scheduleEnabled ? '' : ', off'}` : 'none'}
      </Fact>
      <Fact label="Budget">
        {agent.monthlyBudgetMicros === null ? 'the default' : formatMicros(BigInt(agent.monthlyBudgetMicros))}
      </Fact>
      <Fact label="Last review">
        <Time value={agent.lastReviewedAt} fallback="never" />, next{' '}
        <Time value={agent.nextReviewAt} fallback="not set" />
      </Fact>
      <Fact label="Guardrails">{agent.guardrails}</Fact>
      {agent.layer.prompt && (
        <Fact label="Prompt layer">
          <span className="whitespace-pre-wrap">{agent.layer.prompt}</span>
        </Fact>
      )}
    </Facts>
  )
}

const columns: readonly Column<AccessGrant>[] = [
  {
    id: 'server',
    header: 'Server',
    cell: (grant) => (
      <>
        {grant.serverName}
        <span className="mt-1 flex gap-1">
          <EnvironmentBadge environment={grant.environment} />
        </span>
      </>
    ),
  },
  {
    id: 'scope',
    header: 'Scope',
    cell: (grant) => (
      <>
        <ScopeBadge toolClass={grant.class} toolName={grant.toolName} />
        <LimitsList conditions={grant.conditions} rate={grant.rate} />
        <ReachOnPhone reach={grant} isPast />
      </>
    ),
  },
  { id: 'tools', header: 'Reached', wide: true, cell: (grant) => <ReachList reach={grant} isPast /> },
  { id: 'until', header: 'Until', cell: (grant) => <Time value={grant.expiresAt} fallback="no end" /> },
  { id: 'reason', header: 'Reason', wide: true, cell: (grant) => grant.reason },
]
