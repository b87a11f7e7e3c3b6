import { z } from 'zod'
import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { accessOf, inForceSql, personNames } from '#lib/registry/queries.ts'
import { classesCovering, covers } from '#lib/registry/rules.ts'
import { limitsOf } from '../rules/limits.ts'
import { approvalRuleFor, openSteps, stepsOf } from '../rules/approval-policy.ts'
import { termsLeft } from '../rules/terms.ts'
import { decidability } from '../rules.ts'
import { readApprovalRules } from './approval-policy.ts'
import {
  type ScopeRequestList,
  type ScopeRequestListInput,
  scopeRequestListQuery,
  type ScopeRequestRow,
  type ScopeRequestView,
} from '../schema.ts'

const dayMs = 86_400_000

/** The queue: pending requests oldest first, any other list newest first. Needs `requests:read`. */
export async function listScopeRequests(ctx: Ctx, input: ScopeRequestListInput = {}): Promise<ScopeRequestList> {
  authorize(ctx, 'requests:read')
  const query = scopeRequestListQuery.parse(input)
  const db = reader(ctx)
  const last = query.cursor === undefined ? null : await placeOf(db, query.cursor)
  if (query.cursor !== undefined && !last) {
    throw new DomainError('invalid', 'This page link is damaged. Start from the first page.', { field: 'cursor' })
  }
  const where = { state: query.state, agentId: query.agentId, serverId: query.serverId }
  const direction = query.state === 'pending' ? 'asc' : 'desc'
  const [rows, total] = await Promise.all([
    db.scopeRequest.findMany({
      where: { ...where, ...(last ? behind(last, direction) : {}) },
      orderBy: [{ createdAt: direction }, { id: direction }],
      take: query.limit + 1,
      select: requestSelect,
    }),
    db.scopeRequest.count({ where }),
  ])
  const page = rows.slice(0, query.limit)
  const nextCursor = rows.length > query.limit ? (page.at(-1)?.id ?? null) : null
  return { items: await requestRows(ctx, page), total, nextCursor }
}

type Place = { createdAt: Date; id: string }

/** Where the last row of a page stands, also when it is in the list no more. */
async function placeOf(db: Tx, id: string): Promise<Place | null> {
  if (!z.uuid().safeParse(id).success) return null
  return await db.scopeRequest.findUnique({ where: { id }, select: { createdAt: true, id: true } })
}

function behind({ createdAt, id }: Place, direction: 'asc' | 'desc'): Prisma.ScopeRequestWhereInput {
  const than = direction === 'asc' ? 'gt' : 'lt'
  return { OR: [{ createdAt: { [than]: createdAt } }, { createdAt, id: { [than]: id } }] }
}

/** One request with what it takes to decide it: what the agent holds, what it would newly reach, peers, past denials. Needs `requests:read`; throws `not_found`. */
export async function getScopeRequest(ctx: Ctx, id: string): Promise<ScopeRequestView> {
  authorize(ctx, 'requests:read')
  const known = z.uuid().safeParse(id).success
  const found = known ? await reader(ctx).scopeRequest.findUnique({ where: { id }, select: requestSelect }) : null
  const [row] = found ? await requestRows(ctx, [found]) : []
  if (!found || !row) throw new DomainError('not_found', 'There is no such scope request.')
  const holds = await accessOf(ctx, found.agentId)
  const { rule, given, policy } = await policyOf(ctx, found)
  const decidable = decidability(ctx.actor, {
    state: found.state,
    requestedById: found.requestedById,
    decidedByName: row.decidedBy?.name ?? null,
    agent: { ...found.agent, ownerTeamId: found.agent.ownerTeam.id },
    server: found.server,
    rule,
    given,
    revision: found.revision,
  })
  return {
    ...row,
    holds,
    reaches: await newlyReached(ctx, { row, holds }),
    peers: await peersOf(ctx, row),
    denials30d: await denialsOf(ctx, found),
    policy,
    decidable: decidable.ok ? { allowed: true } : { allowed: false, refusal: decidable.error },
  }
}

/** Calls that the broker refused, and those that Claude refused because the broker did not offer the tool: runs know these. */
async function denialsOf(ctx: Ctx, { agentId, serverId }: { agentId: string; serverId: string }): Promise<number> {
  const since = new Date(ctx.now.getTime() - 30 * dayMs)
  const [row] = await reader(ctx).$queryRaw<{ count: number }[]>`
    with denied as (
      select "runId", "tool" from "AuditEvent"
      where "agentId" = ${agentId} and "serverId" = ${serverId} and "event" = 'mcp.call_denied' and "at" > ${since}
    )
    select ((select count(*) from denied) + (
      select count(*) from "Escalation" x
      where x."agentId" = ${agentId} and x."kind" = 'refusal' and x."createdAt" > ${since}
        and x."detail"->>'serverId' = ${serverId}
        and not exists (select 1 from denied d where d."runId" = x."runId" and d."tool" = x."detail"->>'tool')
    ))::int as "count"`
  return row?.count ?? 0
}

/** The rule of the approval policy that holds for a request now, and how far it has come. */
async function policyOf(ctx: Ctx, found: RequestFields) {
  const facts = { ...found.server, class: found.class, tier: found.agent.tier }
  const rule = approvalRuleFor(await readApprovalRules(reader(ctx)), facts)
  const given = await reader(ctx).scopeApproval.findMany({
    where: { requestId: found.id, revision: found.revision, ruleId: rule.id },
    orderBy: { at: 'asc' },
  })
  const people = await personNames(
    ctx,
    given.map(({ personId }) => personId),
  )
  const open = found.state === 'pending' ? openSteps(rule, given) : []
  const steps = stepsOf(rule).map((roles, index) => {
    const approval = given.find(({ step }) => step === index)
    const by = approval && (people.get(approval.personId) ?? { id: approval.personId, name: 'unknown', active: false })
    return {
      number: index + 1,
      roles: [...roles],
      approved: approval && by ? { by, at: approval.at.toISOString(), note: approval.note } : null,
      open: open.includes(index),
    }
  })
  const left = termsLeft({ days: found.days, ...limitsOf(found) }, { approvals: given, rule })
  return { rule, given, policy: { title: rule.title, ruleId: rule.id, daysMax: rule.daysMax, steps, left } }
}

async function newlyReached(
  ctx: Ctx,
  { row, holds }: { row: ScopeRequestRow; holds: ScopeRequestView['holds'] },
): Promise<ScopeRequestView['reaches']> {
  const held = new Set(holds.filter(({ serverId }) => serverId === row.server.id).flatMap(({ tools }) => tools))
  const tools = await reader(ctx).mcpTool.findMany({
    where: { serverId: row.server.id, state: 'approved', name: row.toolName ?? undefined },
    orderBy: [{ class: 'desc' }, { name: 'asc' }],
    select: { name: true, class: true, description: true },
  })
  return tools.filter((tool) => covers(row.class, tool.class) && !held.has(tool.name))
}

/** Agents that run the same template and are not retired: how many hold at least this scope now. */
async function peersOf(ctx: Ctx, row: ScopeRequestRow): Promise<ScopeRequestView['peers']> {
  const peers = await reader(ctx).$queryRaw<{ templateId: string; id: string; name: string; holds: boolean }[]>(
    Prisma.sql`select mine."templateId", a."id", a."name", exists (
        select 1 from "Grant" g join "McpServer" s on s."id" = g."serverId"
        where g."agentId" = a."id" and g."serverId" = ${row.server.id} and ${inForceSql(ctx.now)}
          and g."class" = any(${classesCovering(row.class)}::text[]::"ToolClass"[])
          and (g."toolName" is null or g."toolName" = ${row.toolName}::text)) as holds
      from "Agent" self
      join "AgentVersion" mine on mine."agentId" = self."id" and mine."version" = self."currentVersion"
      join "AgentVersion" v on v."templateId" = mine."templateId" and v."agentId" <> self."id"
      join "Agent" a on a."id" = v."agentId" and a."currentVersion" = v."version" and a."status" <> 'retired'
      where self."id" = ${row.agent.id} order by a."id"`,
  )
  const own = await reader(ctx).agentVersion.findFirst({
    where: { agentId: row.agent.id },
    orderBy: { version: 'desc' },
    select: { templateId: true },
  })
  const holding = peers.filter(({ holds }) => holds)
  return {
    templateId: own?.templateId ?? '',
    total: peers.length,
    holding: holding.length,
    examples: holding.slice(0, 5).map(({ id, name }) => ({ id, name })),
  }
}

const requestSelect = {
  id: true,
  agentId: true,
  serverId: true,
  class: true,
  toolName: true,
  conditions: true,
  rateCalls: true,
  ratePer: true,
  reason: true,
  days: true,
  state: true,
  requestedById: true,
  createdAt: true,
  decidedById: true,
  decidedAt: true,
  decisionNote: true,
  ticket: true,
  dueAt: true,
  revision: true,
  agent: {
    select: {
      id: true,
      name: true,
      tier: true,
      status: true,
      accountablePersonId: true,
      ownerTeam: { select: { id: true, name: true } },
    },
  },
  server: { select: { id: true, name: true, environment: true, sensitivity: true, status: true } },
} satisfies Prisma.ScopeRequestSelect

type RequestFields = Prisma.ScopeRequestGetPayload<{ select: typeof requestSelect }>

async function requestRows(ctx: Ctx, rows: RequestFields[]): Promise<ScopeRequestRow[]> {
  const people = await personNames(
    ctx,
    rows.flatMap((row) => [row.requestedById, row.decidedById]),
  )
  const nobody = { id: '', name: 'unknown', active: false }
  return rows.map((row) => ({
    id: row.id,
    agent: {
      id: row.agent.id,
      name: row.agent.name,
      owner: row.agent.ownerTeam,
      tier: row.agent.tier,
      status: row.agent.status,
    },
    server: {
      id: row.server.id,
      name: row.server.name,
      environment: row.server.environment,
      sensitivity: row.server.sensitivity,
    },
    class: row.class,
    toolName: row.toolName,
    ...limitsOf(row),
    reason: row.reason,
    days: row.days,
    state: row.state,
    requestedBy: people.get(row.requestedById) ?? { ...nobody, id: row.requestedById },
    createdAt: row.createdAt.toISOString(),
    decidedBy: row.decidedById ? (people.get(row.decidedById) ?? null) : null,
    decidedAt: row.decidedAt?.toISOString() ?? null,
    decisionNote: row.decisionNote,
    ticket: row.ticket,
    dueAt: row.dueAt?.toISOString() ?? null,
    revision: row.revision,
  }))
}
