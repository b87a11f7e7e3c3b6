import type { Metadata } from 'next'
import Link from 'next/link'
import { Button } from '#components/ui/button.tsx'
import { DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { ScopeBadge, Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import { getAgentLimits } from '#lib/guardrails/queries/agent-limits.ts'
import { getAgentCallRate } from '#lib/guardrails/queries/call-rates.ts'
import { getServer, listServers } from '#lib/registry/queries.ts'
import { toolClasses } from '#lib/registry/schema.ts'
import { capabilityOf } from '#lib/registry/schema/capabilities.ts'
import { grantUsage, listGrants, listScopeRequests, staleToolsets } from '#lib/scopes/queries.ts'
import type { SearchParams } from '#lib/web/search.ts'
import { hrefWith } from '#lib/web/search.ts'
import { whyNot, whyNotTakeBack } from '#lib/web/why-not.ts'
import { loadAgent } from '../../load-agent.ts'
import { BreakGlassButton } from './break-glass-button.client.tsx'
import { CredentialsCard } from './credentials-card.tsx'
import { LimitsCard } from './limits-card.tsx'
import { StaleSessions } from './stale-sessions.tsx'
import { RequestScopeButton, type WantedScope } from './request-scope-button.client.tsx'
import { columns, revokeColumn, usageColumn, usageDays } from './grant-columns.tsx'

export const metadata: Metadata = { title: 'Scopes' }

type Props = { params: Promise<{ id: string }>; searchParams: SearchParams }

export default async function AgentScopesPage({ params, searchParams }: Props) {
  const { ctx, agent, revision } = await loadAgent((await params).id)
  const query = await searchParams
  const history = query['history'] === '1'
  const [grants, requests, servers, usage, stale, { callsPerSecond }, limits] = await Promise.all([
    listGrants(ctx, { agentId: agent.id, history }),
    listScopeRequests(ctx, { agentId: agent.id, state: 'pending' }),
    listServers(ctx),
    grantUsage(ctx, { agentId: agent.id, days: usageDays }),
    staleToolsets(ctx, agent.id),
    getAgentCallRate(ctx, agent.id),
    getAgentLimits(ctx, agent.id),
  ])
  const here = paths.agent(agent.id, 'scopes')
  // Giving up what one's own agent does not need is for its team as well.
  const takeBackProblem = whyNotTakeBack(ctx.actor, agent)
  const choices = servers
    .filter(({ status }) => status === 'active')
    .map(({ id, name, environment, sensitivity }) => ({ id, name, environment, sensitivity }))
  return (
    <div className="grid grid-cols-1 gap-4">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <p className="max-w-3xl text-muted-foreground">
          What the agent may call through the broker, by server. A write grant includes read; a destructive one includes
          both.
        </p>
        <div className="flex flex-wrap gap-2">
          <Button asChild size="sm">
            <Link href={history ? here : hrefWith(here, { history: 1 })}>
              {history ? 'Only those in force' : 'With past grants'}
            </Link>
          </Button>
          <Button asChild size="sm">
            <Link href={paths.simulate({ agent: agent.id })}>Simulate a call</Link>
          </Button>
          <BreakGlassButton
            agentId={agent.id}
            agentName={agent.name}
            servers={choices}
            whyNot={agent.status === 'retired' ? retiredText : whyNot(ctx.actor, 'grants:break_glass')}
          />
          <RequestScopeButton
            agentId={agent.id}
            agentName={agent.name}
            servers={choices}
            wanted={await wantedScope(ctx, query)}
            whyNot={agent.status === 'retired' ? retiredText : whyNot(ctx.actor, 'scopes:request', agent.owner)}
          />
        </div>
      </div>
      {callsPerSecond !== null && (
        <Notice kind="warn">
          It may call {callsPerSecond} times a second, at all brokers together; what is more is refused.
        </Notice>
      )}
      <StaleSessions sessions={stale} />
      {requests.items.length > 0 && (
        <ul aria-label="Waiting for a decision" className="grid grid-cols-1 gap-2">
          {requests.items.map((request) => (
            <li
              key={request.id}
              className="flex flex-wrap items-center gap-2 rounded-md border border-held/40 bg-held-soft px-3 py-2"
            >
              <Status state={request.state} />
              <ScopeBadge
                serverId={request.server.id}
                toolClass={request.class}
                toolNames={request.toolNames}
                environment={request.server.environment}
              />
              <span className="min-w-0 grow basis-60 break-words sm:truncate">{request.reason}</span>
              <Link href={paths.request(request.id)} className="underline underline-offset-2">
                asked by {request.requestedBy.name} <Time value={request.createdAt} />
              </Link>
            </li>
          ))}
        </ul>
      )}
      <DataTable
        caption={`Scopes of ${agent.name}`}
        columns={[
          ...columns,
          usageColumn(new Map(usage.map((row) => [row.grantId, row])), takeBackProblem),
          revokeColumn(takeBackProblem),
        ]}
        rows={grants}
        rowKey={(grant) => grant.id}
        empty={
          <EmptyState title="It can reach nothing">
            Without a grant the broker refuses every call. Request a scope to change that.
          </EmptyState>
        }
      />
      <LimitsCard
        agent={agent}
        limits={limits}
        callsPerSecond={callsPerSecond}
        revision={revision}
        whyNot={
          agent.status === 'retired'
            ? 'A retired agent stays as it is.'
            : whyNot(ctx.actor, 'agents:suspend', agent.owner)
        }
      />
      <CredentialsCard ctx={ctx} agent={agent} />
    </div>
  )
}

/** What a link to this page asks for: the class of a tool that is named is the one it has. */
async function wantedScope(ctx: Ctx, query: Awaited<SearchParams>): Promise<WantedScope | null> {
  const { request: serverId, tool = '', class: asked = 'read' } = query
  if (typeof serverId !== 'string' || typeof tool !== 'string') return null
  const server = await getServer(ctx, serverId).catch(() => null)
  if (!server) return null
  if (capabilityOf(tool)) return { serverId, class: 'read', toolName: tool }
  const known = server.toolList.find(({ name }) => name === tool)
  const toolClass = known?.class ?? toolClasses.find((each) => each === asked) ?? 'read'
  return { serverId, class: toolClass, toolName: known ? tool : '' }
}

const retiredText = 'A retired agent gets no scopes.'
