import { type Ctx, reader } from '#lib/auth/ctx.ts'
import { lineDiff } from '#lib/core/line-diff.ts'
import {
  contextDays,
  type EarlierRequest,
  type FirstTime,
  type RequestContext,
  type TrendSums,
} from '../schema/context.ts'
import type { ScopeRequestRow } from '../schema.ts'
import { personNames } from '#lib/registry/queries.ts'
import type { DataClass, ToolClass } from '#lib/registry/schema.ts'

// What is known of the agent that a scope is asked for.

const earlierMax = 5

/** The sums of its last days and of as many before, from the roll-ups. */
export async function trendOf(ctx: Ctx, agentId: string): Promise<RequestContext['trend']> {
  const today = ctx.now.toISOString().slice(0, 10)
  const rows = await reader(ctx).$queryRaw<(Omit<TrendSums, 'costMicros'> & { isNow: boolean; costMicros: bigint })[]>`
    select d."day" > ${today}::date - ${contextDays}::int as "isNow", sum(d."runs")::int as "runs", sum(d."escalatedRuns")::int as "escalatedRuns",
      sum(d."toolCalls")::int as "toolCalls", sum(d."deniedCalls")::int as "deniedCalls",
      sum(d."costMicros")::bigint as "costMicros", sum(d."unpricedRequests")::int as "unpricedRequests"
    from "AgentDay" d where d."agentId" = ${agentId} and d."day" > ${today}::date - ${2 * contextDays}::int and d."day" <= ${today}::date
    group by 1`
  const sums = (isNow: boolean): TrendSums => {
    const found = rows.find((row) => row.isNow === isNow)
    if (!found) return { runs: 0, escalatedRuns: 0, toolCalls: 0, deniedCalls: 0, costMicros: '0', unpricedRequests: 0 }
    const { isNow: _, costMicros, ...rest } = found
    return { ...rest, costMicros: costMicros.toString() }
  }
  return { now: sums(true), before: sums(false) }
}

/** The prompt of the version that the request was made for, and what of it is different now. */
export async function promptOf(
  ctx: Ctx,
  { agentId, version, currentVersion }: { agentId: string; version: number | null; currentVersion: number },
): Promise<RequestContext['prompt']> {
  const asked = version ?? currentVersion
  const rows = await reader(ctx).$queryRaw<{ version: number; system: string | null }[]>`
    select "version", "rendered"->>'system' as "system" from "AgentVersion"
    where "agentId" = ${agentId} and "version" in (${asked}, ${currentVersion})`
  const textAt = (at: number) => rows.find((row) => row.version === at)?.system ?? ''
  const [before, after] = [textAt(asked), textAt(currentVersion)]
  return { version: asked, currentVersion, text: before, changes: before === after ? null : lineDiff(before, after) }
}

/** Requests of the agent for the same server that overlap with this one, in whatever state. */
export async function earlierOf(ctx: Ctx, row: ScopeRequestRow): Promise<RequestContext['earlier']> {
  const where = {
    agentId: row.agent.id,
    serverId: row.server.id,
    id: { not: row.id },
    createdAt: { lte: new Date(row.createdAt) },
    ...(row.toolNames.length === 0
      ? {}
      : { OR: [{ toolNames: { isEmpty: true } }, { toolNames: { hasSome: row.toolNames } }] }),
  }
  const db = reader(ctx)
  const [found, total] = await Promise.all([
    db.scopeRequest.findMany({ where, orderBy: [{ createdAt: 'desc' }, { id: 'desc' }], take: earlierMax }),
    db.scopeRequest.count({ where }),
  ])
  const people = await personNames(
    ctx,
    found.flatMap(({ requestedById, decidedById }) => [requestedById, decidedById]),
  )
  const items = found.map((each): EarlierRequest => {
    const { id, class: toolClass, toolNames, state, decisionNote } = each
    return {
      id,
      class: toolClass,
      toolNames,
      state,
      requestedBy: people.get(each.requestedById)?.name ?? 'unknown',
      createdAt: each.createdAt.toISOString(),
      decidedBy: each.decidedById ? (people.get(each.decidedById)?.name ?? 'unknown') : null,
      decidedAt: each.decidedAt?.toISOString() ?? null,
      note: decisionNote,
    }
  })
  return { total, items }
}

/** What of a request the agent never held before, also not for a while; what is harmless anyway is left out. */
export async function firstsOf(
  ctx: Ctx,
  row: ScopeRequestRow,
  { dataClasses }: { dataClasses: readonly string[] },
): Promise<FirstTime[]> {
  const until = row.decidedAt === null ? ctx.now : new Date(row.decidedAt)
  const held = await reader(ctx).$queryRaw<
    { environment: string; sensitivity: string; class: ToolClass; dataClasses: string[] | null }[]
  >`
    select distinct s."environment"::text as "environment", s."sensitivity"::text as "sensitivity", g."class"::text as "class", s."dataClasses"
    from "Grant" g join "McpServer" s on s."id" = g."serverId"
    where g."agentId" = ${row.agent.id} and g."createdAt" <= ${until} and g."requestId" is distinct from ${row.id}::uuid`
  const never = (was: (grant: (typeof held)[number]) => boolean) => !held.some(was)
  const { environment, sensitivity } = row.server
  const firsts: FirstTime[] = []
  if (environment !== 'development' && never((grant) => grant.environment === environment)) {
    firsts.push({ kind: 'environment', value: environment })
  }
  const sensitive = sensitivity === 'confidential' || sensitivity === 'restricted'
  if (sensitive && never((grant) => grant.sensitivity === sensitivity)) {
    firsts.push({ kind: 'sensitivity', value: sensitivity })
  }
  for (const each of dataClasses) {
    if (never((grant) => grant.dataClasses?.includes(each) ?? false)) {
      firsts.push({ kind: 'data_class', value: each as DataClass })
    }
  }
  const mightAlready = (grant: (typeof held)[number]) =>
    grant.class === row.class || (row.class === 'write' && grant.class === 'destructive')
  if (row.class !== 'read' && never(mightAlready)) firsts.push({ kind: 'class', value: row.class })
  return firsts
}

/** Stop orders in force that reach the agent, its team, the server or one of the tools. */
export async function stopsOf(
  ctx: Ctx,
  { row, tools }: { row: ScopeRequestRow; tools: readonly string[] },
): Promise<RequestContext['stops']> {
  const { agent, server } = row
  const orders = await reader(ctx).stopOrder.findMany({
    where: {
      releasedAt: null,
      OR: [
        { scope: 'organization' },
        { scope: 'team', targetId: agent.owner.id },
        { scope: 'agent', targetId: agent.id },
        { scope: 'server', targetId: server.id },
        { scope: 'tool', targetId: { in: tools.map((tool) => `${server.id}/${tool}`) } },
      ],
    },
    orderBy: { orderedAt: 'asc' },
  })
  const names = { organization: 'Everything', team: agent.owner.name, agent: agent.name, server: server.name }
  return orders.map(({ scope, targetId, reason, orderedByName, orderedAt }) => ({
    target: scope === 'tool' ? targetId : names[scope],
    reason,
    by: orderedByName,
    at: orderedAt.toISOString(),
  }))
}
