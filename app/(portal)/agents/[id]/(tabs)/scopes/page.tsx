import type { Metadata } from 'next'
import { Siren } from 'lucide-react'
import Link from 'next/link'
import { EnvironmentBadge, SensitivityBadge } from '#components/agents/agent-badges.tsx'
import { LimitsList } from '#components/scopes/limits-list.tsx'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { plural } from '#components/ui/count.ts'
import { type Column, DataTable } from '#components/ui/data-table.tsx'
import { EmptyState } from '#components/ui/empty-state.tsx'
import { MissingArguments, ProposedConditions } from '#components/reviews/proposed-conditions.tsx'
import { ReasonButton } from '#components/ui/reason-button.client.tsx'
import { ScopeBadge, Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { paths } from '#lib/core/paths.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import { getServer, listServers } from '#lib/registry/queries.ts'
import { toolClasses } from '#lib/registry/schema.ts'
import { capabilityOf, scopeTitle } from '#lib/registry/schema/capabilities.ts'
import { grantUsage, listGrants, listScopeRequests, staleToolsets } from '#lib/scopes/queries.ts'
import type { GrantView } from '#lib/scopes/schema.ts'
import { type GrantUsage, narrowingOf } from '#lib/scopes/schema/usage.ts'
import type { SearchParams } from '#lib/web/search.ts'
import { hrefWith } from '#lib/web/search.ts'
import { whyNot } from '#lib/web/why-not.ts'
import { narrow, revoke } from '../../actions.ts'
import { loadAgent } from '../../load-agent.ts'
import { BreakGlassButton } from './break-glass-button.client.tsx'
import { CredentialsCard } from './credentials-card.tsx'
import { StaleSessions } from './stale-sessions.tsx'
import { RequestScopeButton, type WantedScope } from './request-scope-button.client.tsx'

export const metadata: Metadata = { title: 'Scopes' }

type Props = { params: Promise<{ id: string }>; searchParams: SearchParams }

export default async function AgentScopesPage({ params, searchParams }: Props) {
  const { ctx, agent } = await loadAgent((await params).id)
  const query = await searchParams
  const history = query['history'] === '1'
  const [grants, requests, servers, usage, stale] = await Promise.all([
    listGrants(ctx, { agentId: agent.id, history }),
    listScopeRequests(ctx, { agentId: agent.id, state: 'pending' }),
    listServers(ctx),
    grantUsage(ctx, { agentId: agent.id, days: usageDays }),
    staleToolsets(ctx, agent.id),
  ])
  const here = paths.agent(agent.id, 'scopes')
  // Giving up what one's own agent does not need is for its team as well.
  const narrowProblem = whyNot(ctx.actor, 'grants:revoke') && whyNot(ctx.actor, 'scopes:request', agent.owner)
  const choices = servers
    .filter(({ status }) => status === 'active')
    .map(({ id, name, environment, sensitivity }) => ({ id, name, environment, sensitivity }))
  return (
    <div className="grid gap-4">
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
      <StaleSessions sessions={stale} />
      {requests.items.length > 0 && (
        <ul aria-label="Waiting for a decision" className="grid gap-2">
          {requests.items.map((request) => (
            <li
              key={request.id}
              className="flex flex-wrap items-center gap-2 rounded-md border border-held/40 bg-held-soft px-3 py-2"
            >
              <Status state={request.state} />
              <ScopeBadge
                serverId={request.server.id}
                toolClass={request.class}
                toolName={request.toolName}
                environment={request.server.environment}
              />
              <span className="min-w-0 grow truncate">{request.reason}</span>
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
          usageColumn(new Map(usage.map((row) => [row.grantId, row])), narrowProblem),
          revokeColumn(whyNot(ctx.actor, 'grants:revoke')),
        ]}
        rows={grants}
        rowKey={(grant) => grant.id}
        empty={
          <EmptyState title="It can reach nothing">
            Without a grant the broker refuses every call. Request a scope to change that.
          </EmptyState>
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

const usageDays = 30

function usageColumn(usage: ReadonlyMap<string, GrantUsage>, narrowProblem: string | null): Column<GrantView> {
  return {
    id: 'usage',
    header: `Used, ${usageDays} days`,
    className: 'min-w-32',
    cell: (grant) => {
      const row = usage.get(grant.id)
      if (!row || grant.state !== 'in_force') return '–'
      if (row.verdict === 'insufficient_data') {
        return (
          <span className="text-muted-foreground">
            too soon to say{row.missing && row.missing.days > 0 && `: ${plural(row.missing.days, 'day')} more`}
          </span>
        )
      }
      if (row.verdict === 'unused') return <Badge tone="warn">not used</Badge>
      return (
        <>
          {plural(row.calls, 'call')}
          {row.proposal?.because === 'covered' && (
            <span className="block text-muted-foreground">other grants cover them</span>
          )}
          <MissingArguments tools={row.arguments} />
          {row.narrower && row.proposal && (
            <span className="mt-1 block">
              <ProposedConditions proposal={row.proposal} />
              <ReasonButton
                label={
                  row.proposal.because === 'arguments'
                    ? 'Add conditions'
                    : `Narrow to ${plural(row.narrower.length, 'tool')}`
                }
                size="sm"
                title={`Narrow ${grant.serverName}: ${grant.class}`}
                description={`What it was called for in these days and no narrower grant covers is only ${row.narrower.join(', ')}${row.proposal.conditions.length > 0 ? ', under the conditions that are named' : ''}. It keeps these, for as long as now, and can ask for more.`}
                confirm="Narrow"
                variant="primary"
                action={narrow}
                input={narrowingOf(grant.id, row.proposal, usageDays)}
                whyNot={narrowProblem}
                said="The scope is narrowed."
              />
            </span>
          )}
        </>
      )
    },
  }
}

const retiredText = 'A retired agent gets no scopes.'

const columns: readonly Column<GrantView>[] = [
  {
    id: 'server',
    header: 'Server',
    cell: (grant) => (
      <>
        <Link href={paths.server(grant.serverId)} className="font-medium text-accent hover:underline">
          {grant.serverName}
        </Link>
        <span className="mt-1 flex gap-1">
          <EnvironmentBadge environment={grant.environment} />
          <SensitivityBadge sensitivity={grant.sensitivity} />
        </span>
      </>
    ),
  },
  {
    id: 'class',
    header: 'Scope',
    cell: (grant) => (
      <>
        <ScopeBadge toolClass={grant.class} toolName={grant.toolName} />
        <LimitsList conditions={grant.conditions} rate={grant.rate} />
      </>
    ),
  },
  {
    id: 'tools',
    header: 'Reaches now',
    wide: true,
    cell: (grant) =>
      grant.tools.length > 0 ? (
        <span className="block max-w-md font-mono text-xs break-words text-muted-foreground">
          {grant.tools.join(', ')}
        </span>
      ) : (
        <span className="text-muted-foreground">no approved tool</span>
      ),
  },
  {
    id: 'why',
    header: 'Why',
    wide: true,
    cell: (grant) => (
      <>
        {grant.reason || '–'}{' '}
        {grant.requestId ? (
          <>
            <Link href={paths.request(grant.requestId)} className="text-accent underline underline-offset-2">
              request
            </Link>
            {grant.via === 'narrowed' && <Badge tone="outline">narrowed</Badge>}
          </>
        ) : grant.via === 'break_glass' ? (
          <Badge tone="warn">
            <Siren aria-hidden /> break-glass
          </Badge>
        ) : (
          <Badge tone="outline">{viaWords[grant.via] ?? grant.via}</Badge>
        )}
      </>
    ),
  },
  { id: 'since', header: 'Since', wide: true, cell: (grant) => <Time value={grant.createdAt} /> },
  {
    id: 'until',
    header: 'Until',
    cell: (grant) => {
      if (grant.state === 'revoked')
        return (
          <Badge tone="neutral">
            revoked <Time value={grant.revokedAt} />
          </Badge>
        )
      if (grant.state === 'expired')
        return (
          <Badge tone="neutral">
            expired <Time value={grant.expiresAt} />
          </Badge>
        )
      return <Time value={grant.expiresAt} fallback="until revoked" />
    },
  },
]

const viaWords: Record<string, string> = {
  template: 'pre-approved by the template',
  request: 'request',
  import: 'import',
  narrowed: 'narrowed',
}

function revokeColumn(whyNotRevoke: string | null): Column<GrantView> {
  return {
    id: 'revoke',
    header: <span className="sr-only">Action</span>,
    cell: (grant) =>
      grant.state === 'in_force' && (
        <ReasonButton
          label="Revoke"
          size="sm"
          title={`Revoke ${grant.serverName}: ${scopeTitle(grant)}`}
          description={`${grant.agent.name} is refused these tools at its next call.`}
          confirm="Revoke"
          action={revoke}
          input={{ grantId: grant.id }}
          whyNot={whyNotRevoke}
        />
      ),
  }
}
