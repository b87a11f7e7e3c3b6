import type { ReactNode } from 'react'
import { Badge } from '#components/ui/badge.tsx'
import { Card } from '#components/ui/card.tsx'
import { cn } from '#components/ui/cn.ts'
import { formatCount, plural } from '#components/ui/count.ts'
import { ScopeBadge, Status } from '#components/ui/status.tsx'
import { Time } from '#components/ui/time.client.tsx'
import { can } from '#lib/auth/ctx.ts'
import { paths } from '#lib/core/paths.ts'
import { getTrialTerms } from '#lib/guardrails/queries.ts'
import { listHeldCalls, listHoldRules } from '#lib/guardrails/queries/held-calls.ts'
import type { HeldCallView } from '#lib/guardrails/schema/held-calls.ts'
import type { OrphanList } from '#lib/lifecycle/schema.ts'
import type { WaitingReview } from '#lib/lifecycle/schema/reviews.ts'
import { listLoosenings } from '#lib/registry/queries.ts'
import { looseningText } from '#lib/registry/schema/loosenings.ts'
import type { ToolReview } from '#lib/registry/schema.ts'
import { listApprovalRules, listBreakGlass } from '#lib/scopes/queries.ts'
import type { BreakGlassView } from '#lib/scopes/schema/break-glass.ts'
import type { WaitingRequestList } from '#lib/scopes/schema/waiting.ts'
import type { PageCtx } from '#lib/web/ctx.ts'
import { hrefWith } from '#lib/web/search.ts'
import { HomeList, HomeNote, HomeRow } from './home-list.tsx'

const shown = 6

/** Held calls that the reader may decide now, the oldest first: they wait by the minute. */
export async function callsForMe(ctx: PageCtx): Promise<HeldCallView[]> {
  if (!can(ctx.actor, 'calls:decide')) return []
  const { items } = await listHeldCalls(ctx, { state: 'waiting', first: 'decidable', limit: shown })
  return items.filter(({ decidable }) => decidable.allowed)
}

/** Break-glass grants that the reader may review now, the newest first. */
export async function glassesForMe(ctx: PageCtx): Promise<BreakGlassView[]> {
  const open = await listBreakGlass(ctx, { state: 'open', limit: 200 }, { counted: false })
  return open.filter(({ reviewable }) => reviewable.allowed).slice(0, shown)
}

/** Changes of rules, and of facts of servers and tools, that somebody else has asked for and the reader may confirm: they count by a second person. */
export async function rulesForMe(ctx: PageCtx): Promise<RuleToConfirm[]> {
  const [approval, hold, loosenings, terms] = await Promise.all([
    can(ctx.actor, 'approvals:manage') ? listApprovalRules(ctx) : [],
    can(ctx.actor, 'holds:manage') ? listHoldRules(ctx) : [],
    can(ctx.actor, 'servers:manage') ? listLoosenings(ctx) : [],
    can(ctx.actor, 'policies:manage') ? getTrialTerms(ctx) : null,
  ])
  const proposed = approval
    .filter(({ inForce, createdBy }) => !inForce && createdBy?.id !== ctx.actor.id)
    .map(({ id, title, createdBy, createdAt }) => ({
      key: `new ${id}`,
      title,
      href: paths.approvalPolicy(),
      change: 'is proposed',
      by: createdBy?.name ?? 'unknown',
      at: createdAt,
    }))
  const ending = [
    ...approval.map((rule) => ({ ...rule, href: paths.approvalPolicy() })),
    ...hold.map((rule) => ({ ...rule, href: paths.approvals('rules') })),
  ].flatMap(({ id, title, endAsked, href }) =>
    endAsked && endAsked.by.id !== ctx.actor.id
      ? [{ key: `end ${id}`, title, href, change: 'is to end', by: endAsked.by.name, at: endAsked.at }]
      : [],
  )
  const loosening = loosenings
    .filter(({ proposedBy }) => proposedBy.id !== ctx.actor.id)
    .map(({ id, server, proposedBy, proposedAt, ...one }) => ({
      key: `loosening ${id}`,
      title: `${server.name}: ${looseningText(one)}`,
      href: paths.server(server.id),
      change: 'is proposed',
      by: proposedBy.name,
      at: proposedAt,
    }))
  const lower = terms?.proposed
  const lowered =
    lower && lower.by.id !== ctx.actor.id
      ? [
          {
            key: 'trial terms',
            title: 'What a policy set is tried by',
            href: paths.guardrails(),
            change: 'is to be less',
            by: lower.by.name,
            at: lower.at,
          },
        ]
      : []
  return [...proposed, ...ending, ...loosening, ...lowered]
}

type RuleToConfirm = { key: string; title: string; href: string; change: string; by: string; at: string | null }

type Waiting = {
  calls: HeldCallView[]
  glasses: BreakGlassView[]
  requests: WaitingRequestList
  tools: ToolReview[]
  rules: RuleToConfirm[]
  reviews: WaitingReview[]
  /** null: the reader may not take any over. */
  orphans: OrphanList | null
}

/** What somebody is asked to do, the most pressing first; kinds of which nothing waits are left out. */
export function WaitsForMe({ ctx, waiting }: { ctx: PageCtx; waiting: Waiting }) {
  const { calls, glasses, requests, rules, tools, reviews, orphans } = waiting
  const lists: ReactNode[] = []
  if (calls.length > 0) {
    lists.push(
      <HomeList key="calls" title="Calls held for me" more={{ href: paths.approvals(), label: 'All held' }}>
        {calls.map((held) => (
          <HomeRow key={held.id} href={paths.approval(held.id)} title={`${held.agent.name}: ${held.tool}`}>
            <HomeNote>{held.rule.title}</HomeNote>
            <HomeNote>
              ends <Time value={held.expiresAt} />
            </HomeNote>
          </HomeRow>
        ))}
      </HomeList>,
    )
  }
  if (glasses.length > 0) {
    lists.push(
      <HomeList key="glass" title="Break-glass to review" more={{ href: paths.breakGlass(), label: 'All' }}>
        {glasses.map(({ grantId, agent, openedBy, openedAt, inForce }) => (
          <HomeRow key={grantId} href={paths.breakGlass()} title={agent.name}>
            <HomeNote>
              {openedBy.name}, <Time value={openedAt} />
            </HomeNote>
            <Badge tone={inForce ? 'warn' : 'held'}>{inForce ? 'in force' : 'review waits'}</Badge>
          </HomeRow>
        ))}
      </HomeList>,
    )
  }
  if (requests.items.length > 0) {
    lists.push(
      <HomeList
        key="requests"
        title="Scope requests that wait for me"
        more={{ href: hrefWith(paths.requests(), { state: 'pending' }), label: 'All pending' }}
      >
        {requests.items.map((request) => (
          <HomeRow key={request.id} href={paths.request(request.id)} title={request.agent.name}>
            <HomeNote>
              {request.requestedBy.name}, <Time value={request.createdAt} />
              {request.standIns.map(({ person }) => `; you may decide in place of ${person.name}`)}
              {request.escalations > 0 && ', passed on'}
            </HomeNote>
            <ScopeBadge
              serverId={request.server.id}
              toolClass={request.class}
              toolNames={request.toolNames}
              environment={request.server.environment}
            />
          </HomeRow>
        ))}
      </HomeList>,
    )
  }
  if (rules.length > 0) {
    lists.push(
      <HomeList key="rules" title="Changes to confirm">
        {rules.slice(0, shown).map(({ key, title, href, change, by, at }) => (
          <HomeRow key={key} href={href} title={title}>
            <HomeNote>
              {by}
              {at && (
                <>
                  , <Time value={at} />
                </>
              )}
            </HomeNote>
            <Badge tone="held">{change}</Badge>
          </HomeRow>
        ))}
      </HomeList>,
    )
  }
  if (tools.length > 0) {
    lists.push(
      <HomeList
        key="tools"
        title="Tools to review"
        more={{ href: paths.servers(), label: `All ${formatCount(tools.length)}` }}
      >
        {tools.slice(0, shown).map(({ server, tool, verdict, since, approver }) => (
          <HomeRow key={`${server.id} ${tool}`} href={paths.serverTool(server.id, tool)} title={tool}>
            <HomeNote>
              {server.name}, <Time value={since} />
              {approver && `, ${approver.id === ctx.actor.id ? 'you are asked' : `${approver.name} is asked`}`}
            </HomeNote>
            <Badge tone={verdict === 'suspended' ? 'warn' : 'held'}>
              {verdict === 'suspended' ? 'changed' : 'new'}
            </Badge>
          </HomeRow>
        ))}
      </HomeList>,
    )
  }
  if (reviews.length > 0) {
    lists.push(
      <HomeList key="reviews" title="Scope reviews that wait for me" more={{ href: paths.reviews(), label: 'All' }}>
        {reviews.slice(0, shown).map(({ campaign, answers }) => (
          <HomeRow
            key={campaign.id}
            href={hrefWith(paths.review(campaign.id), { show: 'mine' })}
            title={campaign.title}
          >
            <HomeNote>
              {plural(answers, 'grant')} to answer, due <Time value={campaign.dueAt} />
            </HomeNote>
          </HomeRow>
        ))}
      </HomeList>,
    )
  }
  if (orphans && orphans.total > 0) {
    lists.push(
      <HomeList
        key="orphans"
        title="Agents nobody answers for"
        more={{
          href: hrefWith(paths.agents(), { q: 'orphaned:yes', ...ownTeams(ctx) }),
          label: `All ${formatCount(orphans.total)}`,
        }}
      >
        {orphans.items.map(({ agent, owner, person, suspendAt, suspendedAt }) => (
          <HomeRow key={agent.id} href={paths.agent(agent.id)} title={agent.name}>
            <HomeNote>
              {person.name} of {owner.name} has left
              {suspendAt && !suspendedAt && (
                <>
                  ; suspended <Time value={suspendAt} /> unless taken over
                </>
              )}
            </HomeNote>
            <Status state={agent.status} />
          </HomeRow>
        ))}
      </HomeList>,
    )
  }
  return (
    <section aria-labelledby="waits-for-me">
      <h2 id="waits-for-me" className="sr-only">
        Waits for me
      </h2>
      {lists.length > 0 ? (
        <div className={cn('-mb-5', lists.length > 1 && 'gap-5 md:columns-2')}>{lists}</div>
      ) : (
        <Card>
          <p className="font-medium">Nothing waits for you</p>
          <p className="mt-1 text-muted-foreground">
            Held calls, scope requests, rules, tools and reviews show here as soon as you are asked to decide.
          </p>
        </Card>
      )}
    </section>
  )
}

/** Narrows a list of agents to those the reader may act for: the list behind a figure is of the same agents. */
function ownTeams({ actor }: PageCtx): { owner?: string } {
  return can(actor, 'agents:any_team') ? {} : { owner: actor.teamIds.join(',') }
}
