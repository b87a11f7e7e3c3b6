import { Plus } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import type { ReactNode } from 'react'
import { Badge } from '#components/ui/badge.tsx'
import { Button } from '#components/ui/button.tsx'
import { Card, Figure } from '#components/ui/card.tsx'
import { formatCount, plural } from '#components/ui/count.ts'
import { Money, Rate } from '#components/ui/money.tsx'
import { ScopeBadge, Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { can } from '#lib/auth/ctx.ts'
import { formatMicros } from '#lib/core/money.ts'
import { paths } from '#lib/core/paths.ts'
import { countWaitingCalls } from '#lib/guardrails/queries/held-calls.ts'
import { listEscalations } from '#lib/harness/queries.ts'
import { listOrphans } from '#lib/lifecycle/queries.ts'
import { fleetSummary } from '#lib/metrics/queries.ts'
import { listAgents, listToolReviews } from '#lib/registry/queries.ts'
import { listBreakGlass, listScopeRequests, listWaitingRequests } from '#lib/scopes/queries.ts'
import { currentCtx, type PageCtx } from '#lib/web/ctx.ts'
import { hrefWith } from '#lib/web/search.ts'

export const metadata: Metadata = { title: 'Home' }

const shown = 6

export default async function HomePage() {
  const ctx = await currentCtx()
  const mine = ctx.actor.teamIds.join(',')
  const [agents, waiting, forMe, requests, escalations, summary, reviews, glasses, orphans] = await Promise.all([
    mine
      ? listAgents(ctx, {
          owner: mine,
          status: 'active,suspended,provisioning',
          sort: 'runs',
          order: 'desc',
          limit: shown,
        })
      : null,
    countWaitingCalls(ctx),
    listWaitingRequests(ctx, { limit: shown }),
    listScopeRequests(ctx, { state: 'pending', limit: 1 }),
    listEscalations(ctx, { open: true, limit: shown }),
    fleetSummary(ctx, { days: 30 }),
    listToolReviews(ctx),
    listBreakGlass(ctx, { state: 'open', limit: shown }, { counted: false }),
    can(ctx.actor, 'agents:take_over') ? listOrphans(ctx, { mine: true }) : [],
  ])
  return (
    <>
      <header className="mb-5 flex flex-wrap items-start justify-between gap-3">
        <h1 className="text-xl font-semibold tracking-tight">Home</h1>
        <NewAgent ctx={ctx} />
      </header>
      <dl className="mb-5 grid grid-cols-2 gap-3 lg:grid-cols-5">
        <Figure
          label="Calls waiting for a person"
          value={formatCount(waiting)}
          note={can(ctx.actor, 'calls:decide') ? 'approve, edit or reject' : 'for those who may decide'}
          href={paths.approvals()}
        />
        <Figure
          label="Scope requests waiting"
          value={formatCount(requests.total)}
          note={forMeNote(forMe)}
          href={hrefWith(paths.requests(), { state: 'pending' })}
        />
        <Figure
          label="Open escalations"
          value={formatCount(escalations.total)}
          note="what agents brought to a person"
          href={hrefWith(paths.escalations(), { open: true })}
        />
        <Figure
          label="Active agents"
          value={formatCount(summary.agents.active)}
          note={`${formatCount(summary.usedAgents)} ran in 30 days, ${formatCount(summary.openRuns)} running now`}
          href={paths.fleet()}
        />
        <Figure
          label={`Spend in ${summary.month.month}`}
          value={<Money micros={summary.month.spentMicros} unpriced={summary.month.unpricedRequests} />}
          note={`of ${formatMicros(BigInt(summary.month.budgetMicros))} budget`}
          href={paths.fleet()}
        />
      </dl>
      <div className="grid items-start gap-5 xl:grid-cols-3">
        <List
          title="Agents of my teams"
          more={mine ? { href: hrefWith(paths.agents(), { owner: mine }), label: `All ${agents?.total ?? 0}` } : null}
          empty={mine ? 'Your teams own no agent yet.' : 'You belong to no team. A platform admin can add you to one.'}
        >
          {agents?.items.map((agent) => (
            <Row key={agent.id} href={paths.agent(agent.id)} title={agent.name}>
              <span className="text-[13px] text-muted-foreground">
                {plural(agent.monthlyRuns, 'run')},{' '}
                <Money micros={agent.cost30dMicros} unpriced={agent.unpricedRequests} />,{' '}
                <Rate value={agent.escalationRate} /> escalated
              </span>
              <Status state={agent.status} />
            </Row>
          ))}
        </List>
        <List
          title="Scope requests that wait for me"
          more={{
            href: hrefWith(paths.requests(), { state: 'pending' }),
            label: `All ${requests.total} pending`,
          }}
          empty="No request waits for you."
        >
          {forMe.items.map((request) => (
            <Row key={request.id} href={paths.request(request.id)} title={request.agent.name}>
              <span className="text-[13px] text-muted-foreground">
                {request.requestedBy.name}, <Time value={request.createdAt} />
                {request.standIns.map(({ person }) => `, for ${person.name}`)}
                {request.escalations > 0 && ', passed on'}
              </span>
              <ScopeBadge
                serverId={request.server.id}
                toolClass={request.class}
                toolName={request.toolName}
                environment={request.server.environment}
              />
            </Row>
          ))}
        </List>
        <List
          title="Open escalations"
          more={{ href: hrefWith(paths.escalations(), { open: true }), label: `All ${escalations.total}` }}
          empty="No agent waits for a person."
        >
          {escalations.items.map((escalation) => (
            <Row key={escalation.id} href={paths.run(escalation.runId)} title={escalation.title}>
              <span className="text-[13px] text-muted-foreground">
                {escalation.agentName}, <Time value={escalation.createdAt} />
              </span>
            </Row>
          ))}
        </List>
        {orphans.length > 0 && (
          <List
            title="Agents nobody answers for"
            more={{ href: hrefWith(paths.agents(), { q: 'orphaned:yes' }), label: `All ${orphans.length}` }}
            empty="Somebody answers for every agent."
          >
            {orphans.slice(0, shown).map(({ agent, owner, person, suspendAt, suspendedAt }) => (
              <Row key={agent.id} href={paths.agent(agent.id)} title={agent.name}>
                <span className="text-[13px] text-muted-foreground">
                  {owner.name}, {person.name} has left
                  {suspendAt && !suspendedAt && (
                    <>
                      , is suspended <Time value={suspendAt} />
                    </>
                  )}
                </span>
                <Status state={agent.status} />
              </Row>
            ))}
          </List>
        )}
        {glasses.length > 0 && (
          <List
            title="Break-glass to review"
            more={{ href: paths.breakGlass(), label: 'All' }}
            empty="No glass is broken."
          >
            {glasses.map(({ grantId, agent, openedBy, openedAt, inForce }) => (
              <Row key={grantId} href={paths.breakGlass()} title={agent.name}>
                <span className="text-[13px] text-muted-foreground">
                  {openedBy.name}, <Time value={openedAt} />
                </span>
                <Badge tone={inForce ? 'warn' : 'held'}>{inForce ? 'in force' : 'review waits'}</Badge>
              </Row>
            ))}
          </List>
        )}
        {reviews.length > 0 && (
          <List
            title="Tools to review"
            more={{ href: paths.servers(), label: `All ${reviews.length}` }}
            empty="No tool waits for its review."
          >
            {reviews.slice(0, shown).map(({ server, tool, verdict, since, approver }) => (
              <Row key={`${server.id} ${tool}`} href={paths.serverTool(server.id, tool)} title={tool}>
                <span className="text-[13px] text-muted-foreground">
                  {server.name}, <Time value={since} />
                  {approver && `, ${approver.id === ctx.actor.id ? 'you are asked' : `${approver.name} is asked`}`}
                </span>
                <Badge tone={verdict === 'suspended' ? 'warn' : 'held'}>
                  {verdict === 'suspended' ? 'changed' : 'new'}
                </Badge>
              </Row>
            ))}
          </List>
        )}
      </div>
    </>
  )
}

function NewAgent({ ctx }: { ctx: PageCtx }) {
  if (!can(ctx.actor, 'agents:create')) return null
  return (
    <Button asChild variant="primary">
      <Link href={paths.newAgent()}>
        <Plus aria-hidden /> New agent
      </Link>
    </Button>
  )
}

type ListProps = {
  title: string
  more: { href: string; label: string } | null
  empty: string
  children: ReactNode[] | undefined
}

function List({ title, more, empty, children }: ListProps) {
  return (
    <Card
      flush
      title={title}
      actions={
        more && (
          <Link href={more.href} className="text-[13px] text-accent hover:underline">
            {more.label}
          </Link>
        )
      }
    >
      {children && children.length > 0 ? (
        <ul className="divide-y">{children}</ul>
      ) : (
        <p className="px-4 py-6 text-muted-foreground">{empty}</p>
      )}
    </Card>
  )
}

function Row({ href, title, children }: { href: string; title: string; children: ReactNode }) {
  return (
    <li className="grid gap-1 px-4 py-2.5">
      <Link href={href} className="font-medium text-accent hover:underline">
        {title}
      </Link>
      <span className="flex flex-wrap items-center justify-between gap-2">{children}</span>
    </li>
  )
}

function forMeNote({ total, more }: { total: number; more: boolean }): string {
  if (more) return `${total > 0 ? formatCount(total) : 'none'} of the oldest for you to decide`
  return total > 0 ? `${formatCount(total)} for you to decide` : 'none for you to decide'
}
