import { Plus } from 'lucide-react'
import type { Metadata } from 'next'
import Link from 'next/link'
import { Button } from '#components/ui/button.tsx'
import { Figure } from '#components/ui/card.tsx'
import { formatCount, plural } from '#components/ui/count.ts'
import { Money, Rate } from '#components/ui/money.tsx'
import { PageHeader } from '#components/ui/page-header.tsx'
import { Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { monthName } from '#components/ui/time.ts'
import { can } from '#lib/auth/ctx.ts'
import { formatMicros } from '#lib/core/money.ts'
import { paths } from '#lib/core/paths.ts'
import { countWaitingCalls } from '#lib/guardrails/queries/held-calls.ts'
import { listEscalations } from '#lib/harness/queries.ts'
import { listOrphans, listWaitingReviews } from '#lib/lifecycle/queries.ts'
import { fleetSummary } from '#lib/metrics/queries.ts'
import { listAgents, listToolReviews } from '#lib/registry/queries.ts'
import { listScopeRequests, listWaitingRequests } from '#lib/scopes/queries.ts'
import { currentCtx, type PageCtx } from '#lib/web/ctx.ts'
import { hrefWith } from '#lib/web/search.ts'
import { HomeList, HomeNote, HomeRow } from './home-list.tsx'
import { callsForMe, glassesForMe, rulesForMe, WaitsForMe } from './waits-for-me.tsx'

export const metadata: Metadata = { title: 'Home' }

const shown = 6
/** Of agents that somebody still has to do with: the figure and the list behind it are of the same. */
const alive = 'active,suspended,provisioning'

export default async function HomePage() {
  const ctx = await currentCtx()
  const mine = ctx.actor.teamIds.join(',')
  const [agents, waiting, calls, forMe, requests, escalations, summary, tools, reviews, rules, glasses, orphans] =
    await Promise.all([
      mine
        ? listAgents(ctx, {
            owner: mine,
            status: alive,
            sort: 'runs',
            order: 'desc',
            limit: shown,
          })
        : null,
      countWaitingCalls(ctx),
      callsForMe(ctx),
      listWaitingRequests(ctx, { limit: shown }),
      listScopeRequests(ctx, { state: 'pending', limit: 1 }),
      listEscalations(ctx, { open: true, limit: shown }),
      fleetSummary(ctx, { days: 30 }),
      can(ctx.actor, 'servers:manage') ? listToolReviews(ctx) : [],
      listWaitingReviews(ctx),
      rulesForMe(ctx),
      glassesForMe(ctx),
      can(ctx.actor, 'agents:take_over') ? listOrphans(ctx, { mine: true, limit: shown }) : null,
    ])
  return (
    <>
      <PageHeader
        title="Home"
        description="The organization’s Claude agents: what waits for you, what yours do, and what all of them cost."
        actions={<NewAgent ctx={ctx} />}
      />
      <dl className="mb-5 grid grid-cols-2 gap-3 lg:grid-cols-5">
        <Figure
          label="Calls waiting for a person"
          value={formatCount(waiting)}
          note={
            calls.length > 0 ? `${formatCount(calls.length)} of the oldest for you to decide` : 'none for you to decide'
          }
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
          label={`Spend in ${monthName(summary.month.month)}`}
          value={<Money micros={summary.month.spentMicros} unpriced={summary.month.unpricedRequests} />}
          note={`of ${formatMicros(BigInt(summary.month.budgetMicros))} budget`}
          href={paths.fleet()}
        />
      </dl>
      <div className="grid grid-cols-1 items-start gap-x-5 xl:grid-cols-[minmax(0,2fr)_minmax(0,1fr)]">
        <div className="grid gap-5">
          <WaitsForMe ctx={ctx} waiting={{ calls, glasses, requests: forMe, rules, tools, reviews, orphans }} />
          <HomeList
            title="Open escalations of all teams"
            more={{
              href: hrefWith(paths.escalations(), { open: true }),
              label: `All ${formatCount(escalations.total)}`,
            }}
            empty="No agent waits for a person."
          >
            {escalations.items.map((escalation) => (
              <HomeRow key={escalation.id} href={paths.run(escalation.runId)} title={escalation.title}>
                <HomeNote>
                  {escalation.agentName}, <Time value={escalation.createdAt} />
                </HomeNote>
              </HomeRow>
            ))}
          </HomeList>
        </div>
        <div>
          <HomeList
            title="Agents of my teams"
            more={
              mine
                ? { href: hrefWith(paths.agents(), { owner: mine, status: alive }), label: `All ${agents?.total ?? 0}` }
                : null
            }
            empty={mine ? <FirstAgent ctx={ctx} /> : 'You belong to no team. A platform admin can add you to one.'}
          >
            {agents?.items.map((agent) => (
              <HomeRow key={agent.id} href={paths.agent(agent.id)} title={agent.name}>
                <HomeNote>
                  {plural(agent.monthlyRuns, 'run')},{' '}
                  <Money micros={agent.cost30dMicros} unpriced={agent.unpricedRequests} />,{' '}
                  <Rate value={agent.escalationRate} /> escalated
                </HomeNote>
                <Status state={agent.status} />
              </HomeRow>
            ))}
          </HomeList>
        </div>
      </div>
    </>
  )
}

/** For a team that has none: the way to its first. */
function FirstAgent({ ctx }: { ctx: PageCtx }) {
  if (!can(ctx.actor, 'agents:create')) return 'Your teams own no agent yet.'
  return (
    <>
      Your teams own no agent yet.{' '}
      <Link href={paths.newAgent()} className="text-accent underline underline-offset-2">
        Make the first one
      </Link>{' '}
      from a golden template: a guarded first run takes minutes.
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

function forMeNote({ total, more }: { total: number; more: boolean }): string {
  if (more) return `${total > 0 ? formatCount(total) : 'none'} of the oldest for you to decide`
  return total > 0 ? `${formatCount(total)} for you to decide` : 'none for you to decide'
}
