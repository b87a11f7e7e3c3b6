import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { covers } from '#lib/registry/rules.ts'
import { type AccessGrant, toolClasses } from '#lib/registry/schema.ts'
import { capabilityOf, grantName, isBesidesTools } from '#lib/registry/schema/capabilities.ts'
import { limitsOf } from '../rules/limits.ts'
import { blastRadiusText, reachOf, termDifferences } from '../rules/reach.ts'
import { signalsOf } from '../rules/signals.ts'
import { expiryOf } from '../rules.ts'
import { contextDays, type RequestContext } from '../schema/context.ts'
import type { ScopeRequestRow, ScopeRequestView, ScopeTerms } from '../schema.ts'
import { earlierOf, firstsOf, promptOf, stopsOf, trendOf } from './request-agent.ts'
import { denialsOf } from './request-denials.ts'
import { peersOf } from './request-peers.ts'
import { grantUsage } from './usage.ts'

type Asked = {
  row: ScopeRequestRow
  holds: readonly AccessGrant[]
  /** What is left of it after the approvals so far. */
  left: ScopeTerms
  dataClasses: readonly string[]
  agentVersion: number | null
}

/** Everything an approver is shown about a request; callers authorize. */
export async function contextOf(
  ctx: Ctx,
  { row, holds, left, dataClasses, agentVersion }: Asked,
): Promise<Pick<ScopeRequestView, 'reaches' | 'peers' | 'denials30d' | 'context'>> {
  const db = reader(ctx)
  const { id: agentId } = row.agent
  const covered = await coveredTools(ctx, row)
  const names = covered.map(({ name }) => name)
  const since = new Date(ctx.now.getTime() - contextDays * 86_400_000).toISOString().slice(0, 10)
  const [denials, { peers, use }, earlier, firsts, stops, trend, usage, agent, openEscalations, granted] =
    await Promise.all([
      denialsOf(ctx, { agentId, serverId: row.server.id, tools: names, days: contextDays }),
      peersOf(ctx, row, { tools: covered, since }),
      earlierOf(ctx, row),
      firstsOf(ctx, row, { dataClasses }),
      stopsOf(ctx, { row, tools: names }),
      trendOf(ctx, agentId),
      grantUsage(ctx, { agentId, days: contextDays }),
      db.agent.findUniqueOrThrow({
        where: { id: agentId },
        select: { currentVersion: true, lastReviewedAt: true, nextReviewAt: true },
      }),
      db.escalation.count({ where: { agentId, resolvedAt: null } }),
      grantedOf(ctx, row),
    ])
  const prompt = await promptOf(ctx, { agentId, version: agentVersion, currentVersion: agent.currentVersion })
  const before = holds.filter(({ serverId, requestId }) => serverId === row.server.id && requestId !== row.id)
  const reached = reachOf(
    covered.filter(({ state }) => state === 'approved'),
    { holds: before, terms: left, expiresAt: expiryOf(left.days, ctx.now) },
  )
  const facts = {
    days: contextDays,
    tools: reached,
    elsewhere: elsewhereOf(holds, row.server.id),
    firsts,
    denials: denials.exact,
    earlier,
    peers: use,
    usage,
    review: {
      lastAt: agent.lastReviewedAt?.toISOString() ?? null,
      nextAt: agent.nextReviewAt?.toISOString() ?? null,
      overdue: agent.nextReviewAt !== null && agent.nextReviewAt <= ctx.now,
    },
    trend,
    prompt,
    stops,
    openEscalations,
  }
  const signals = signalsOf({ ...facts, terms: left, peerTotal: peers.total, peerHolding: peers.holding })
  const blastRadius = blastRadiusText(reached, { agent: row.agent.name, server: { ...row.server, dataClasses } })
  return {
    reaches: reached
      .filter(({ change }) => change === 'new')
      .map(({ name, class: toolClass, description }) => ({ name, class: toolClass, description })),
    peers,
    denials30d: denials.onServer,
    context: { ...facts, blastRadius, signals, granted },
  }
}

/** Tools of the server that the scope is about, also such as wait for their review; the worst class first. */
async function coveredTools(ctx: Ctx, row: ScopeRequestRow) {
  const besides = row.toolNames.flatMap((name) => {
    const one = capabilityOf(name)
    const known = { class: 'read' as const, state: 'approved' as const }
    return one ? [{ ...known, name: grantName(one), description: `${one.says} ${one.riskSays}` }] : []
  })
  const named = row.toolNames.length === 0 ? {} : { name: { in: row.toolNames } }
  const tools = await reader(ctx).mcpTool.findMany({
    where: { serverId: row.server.id, state: { not: 'removed' }, ...named },
    orderBy: [{ class: 'desc' }, { name: 'asc' }],
    select: { name: true, class: true, description: true, state: true },
  })
  return [...tools.filter((tool) => covers(row.class, tool.class)), ...besides]
}

function elsewhereOf(holds: readonly AccessGrant[], serverId: string): RequestContext['elsewhere'] {
  const others = holds.filter((grant) => grant.serverId !== serverId)
  const tools = new Set(
    others.flatMap((grant) =>
      grant.tools.filter((tool) => !isBesidesTools(tool)).map((tool) => `${grant.serverId}/${tool}`),
    ),
  )
  return { servers: new Set(others.map((grant) => grant.serverId)).size, tools: tools.size }
}

/** The grants that came of it, one of each tool that was named, which differ from what was asked for where an approver or the policy left less. */
async function grantedOf(ctx: Ctx, row: ScopeRequestRow): Promise<RequestContext['granted']> {
  const grants = await reader(ctx).grant.findMany({
    where: { requestId: row.id, via: 'request' },
    orderBy: { createdAt: 'asc' },
  })
  const [grant] = grants
  if (!grant) return null
  const { createdAt, expiresAt } = grant
  const days = expiresAt === null ? null : Math.round((expiresAt.getTime() - createdAt.getTime()) / 86_400_000)
  const toolNames = grants.flatMap(({ toolName }) => toolName ?? [])
  // Of each tool that is named the grant has the class that it needs.
  const same = row.toolNames.length === toolNames.length && toolNames.length > 0
  const widest = toolClasses.findLast((each) => grants.some((one) => one.class === each)) ?? grant.class
  const granted = { class: same ? row.class : widest, toolNames, days, ...limitsOf(grant) }
  return { grantIds: grants.map(({ id }) => id), differences: termDifferences(row, granted) }
}
