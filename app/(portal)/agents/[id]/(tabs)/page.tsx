import Link from 'next/link'
import { redirect } from 'next/navigation'
import { WhyForm } from '#components/agents/why-form.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { Card, Figure } from '#components/ui/card.tsx'
import { formatCount } from '#components/ui/count.ts'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Fact, Facts } from '#components/ui/facts.tsx'
import { Money, Rate } from '#components/ui/money.tsx'
import { ScopeBadge, Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { monthName } from '#components/ui/time.ts'
import { paths } from '#lib/core/paths.ts'
import { formatMicros } from '#lib/core/money.ts'
import { listEscalations, listRuns } from '#lib/harness/queries.ts'
import { agentMetrics } from '#lib/metrics/queries.ts'
import type { AgentView } from '#lib/registry/schema.ts'
import { hrefWith, type SearchParams } from '#lib/web/search.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { loadAgent } from '../load-agent.ts'
import { EditEntry } from './edit-entry.tsx'
import { ReviewButton } from './review-button.client.tsx'
import { ScheduleCard } from './schedule-card.client.tsx'
import { TimelineCard } from './timeline-card.tsx'

type Props = { params: Promise<{ id: string }>; searchParams: SearchParams }

export default async function OverviewPage({ params, searchParams }: Props) {
  const { ctx, agent, revision } = await loadAgent((await params).id)
  const asOf = [(await searchParams)['asOf']].flat()[0]
  // The frame around this page is of the present, so the past has a page of its own.
  if (asOf) redirect(paths.agentPast(agent.id, asOf))
  const [runs, escalations, metrics] = await Promise.all([
    listRuns(ctx, { agent: agent.id, limit: 5 }),
    listEscalations(ctx, { agent: agent.id, open: true, limit: 5 }),
    agentMetrics(ctx, { agentId: agent.id, days: 30 }),
  ])
  const { month } = metrics
  return (
    <div className="grid grid-cols-1 gap-5">
      <dl className="grid grid-cols-2 gap-3 md:grid-cols-4">
        <Figure label="Runs, 30 days" value={formatCount(agent.monthlyRuns)} href={paths.agent(agent.id, 'runs')} />
        <Figure
          label="Cost, 30 days"
          value={<Money micros={agent.cost30dMicros} unpriced={agent.unpricedRequests} />}
          href={paths.agent(agent.id, 'cost')}
        />
        <Figure
          label="Escalation rate, 30 days"
          value={<Rate value={agent.escalationRate} />}
          note="runs that needed a person"
        />
        <Figure
          label={`Spend in ${monthName(month.month)}`}
          value={<Money micros={month.spentMicros} unpriced={month.unpricedRequests} />}
          note={`of ${formatMicros(BigInt(month.budgetMicros))}${month.budgetSource === 'default' ? ' (default budget)' : ''}`}
        />
      </dl>
      <div className="grid grid-cols-1 gap-5 lg:grid-cols-2">
        <div className="grid grid-cols-1 content-start gap-5">
          <Card
            title="Registry entry"
            actions={
              <span className="flex flex-wrap justify-end gap-2">
                <EditEntry ctx={ctx} agent={agent} revision={revision} />
                <ReviewButton
                  agentId={agent.id}
                  revision={revision}
                  whyNot={whyNot(ctx.actor, 'agents:update', agent.owner)}
                />
              </span>
            }
          >
            <RegistryFacts agent={agent} />
          </Card>
          <TimelineCard ctx={ctx} agentId={agent.id} />
          <Card title="Why is it in a list, or not?">
            <WhyForm agent={agent.id} />
          </Card>
        </div>
        <div className="grid grid-cols-1 content-start gap-5">
          <ScheduleCard
            key={`${agent.schedule}:${agent.scheduleEnabled}`}
            agentId={agent.id}
            revision={revision}
            initial={{ schedule: agent.schedule, enabled: agent.scheduleEnabled }}
            whyNot={
              agent.status === 'retired'
                ? 'A retired agent has no schedule.'
                : whyNot(ctx.actor, 'agents:update', agent.owner)
            }
          />
          <Card title="Latest runs" flush>
            {runs.items.length === 0 ? (
              <EmptyState title="It has not run yet">Start a first run with “Run now”.</EmptyState>
            ) : (
              <ul className="divide-y">
                {runs.items.map((run) => (
                  <li key={run.id} className="flex flex-wrap items-center justify-between gap-2 px-4 py-2">
                    <Link href={paths.run(run.id)} className="text-accent hover:underline">
                      <Time value={run.createdAt} />
                    </Link>
                    <span className="flex items-center gap-2">
                      <Money micros={run.costMicros} />
                      <Status state={run.state} />
                    </span>
                  </li>
                ))}
              </ul>
            )}
          </Card>
          {escalations.total > 0 && (
            <Card
              flush
              title={`Open escalations (${escalations.total})`}
              actions={
                <Link
                  href={hrefWith(paths.escalations(), { agent: agent.id, open: true })}
                  className="text-[13px] text-accent hover:underline"
                >
                  All, to resolve
                </Link>
              }
            >
              <ul className="divide-y">
                {escalations.items.map((escalation) => (
                  <li key={escalation.id} className="flex items-center justify-between gap-3 px-4 py-2">
                    <Link href={paths.run(escalation.runId)} className="min-w-0 hover:underline">
                      {escalation.title}
                    </Link>
                    <span className="shrink-0 text-[13px] text-muted-foreground">
                      <Time value={escalation.createdAt} />
                    </span>
                  </li>
                ))}
              </ul>
            </Card>
          )}
        </div>
      </div>
    </div>
  )
}

function RegistryFacts({ agent }: { agent: AgentView }) {
  const behind = agent.template.latest !== null && agent.template.latest !== agent.template.version
  return (
    <Facts>
      <Fact label="Purpose">{agent.purpose}</Fact>
      <Fact label="Owner">{agent.owner.name}</Fact>
      <Fact label="Accountable">{agent.accountable.name}</Fact>
      <Fact label="Template">
        <Link href={paths.template(agent.template.id)} className="text-accent hover:underline">
          {agent.template.id} {agent.template.version}
        </Link>{' '}
        {behind && <Badge tone="warn">{agent.template.latest} is out</Badge>}
      </Fact>
      <Fact label="Version">{agent.version}</Fact>
      <Fact label="MCP scopes">
        <span className="flex flex-wrap gap-1">
          {agent.scopes.map((scope) => (
            <ScopeBadge
              key={`${scope.serverId}:${scope.class}:${scope.toolName}`}
              serverId={scope.serverId}
              toolClass={scope.class}
              toolName={scope.toolName}
              environment={scope.environment}
            />
          ))}
          {agent.scopes.length === 0 && 'none: it can reach nothing'}
        </span>
      </Fact>
      <Fact label="Guardrails">{agent.guardrails}</Fact>
      <Fact label="Created">
        <Time value={agent.createdAt} /> {agent.createdBy && `by ${agent.createdBy.name}`}
      </Fact>
      <Fact label="As a file">
        <Button asChild variant="link">
          <a href={`/api/portal/agents/${agent.id}/manifest`} download>
            Registry entry as YAML
          </a>
        </Button>
      </Fact>
    </Facts>
  )
}
