import { z } from 'zod'
import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { accessOf, pastOwners, personNames } from '#lib/registry/queries.ts'
import type { DataClass } from '#lib/registry/schema.ts'
import { limitsOf } from '../rules/limits.ts'
import { escalated, openSteps, stepsOf } from '../rules/approval-policy.ts'
import { requestPolicy } from '../rules/request-policy.ts'
import { termsLeft } from '../rules/terms.ts'
import { decidability } from '../rules.ts'
import { readApprovalRules } from './approval-policy.ts'
import { namedTools } from './named-tools.ts'
import { contextOf } from './request-context.ts'
import { historyOf } from './request-history.ts'
import { standInsFor } from './stand-ins.ts'
import {
  type ScopeRequestList,
  type ScopeRequestListInput,
  scopeRequestListQuery,
  type ScopeRequestRow,
  type ScopeRequestView,
} from '../schema.ts'

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
  const request = {
    state: found.state,
    requestedById: found.requestedById,
    decidedByName: row.decidedBy?.name ?? null,
    agent: { ...found.agent, ownerTeamId: found.agent.ownerTeam.id, past: await pastOwners(ctx, found.agentId) },
    server: found.server,
    rule,
    given,
    revision: found.revision,
  }
  const decidable = decidability(ctx.actor, request)
  const { agentVersion, server } = found
  const context = await contextOf(ctx, {
    row,
    holds,
    left: policy.left,
    dataClasses: server.dataClasses,
    agentVersion,
  })
  return {
    ...row,
    holds,
    ...context,
    policy,
    decidable: decidable.ok ? { allowed: true } : { allowed: false, refusal: decidable.error },
    standIns: await standInsFor(ctx, request),
    history: await historyOf(ctx, found),
  }
}

/** The rule of the approval policy that holds for a request now, and how far it has come. */
async function policyOf(ctx: Ctx, found: RequestFields) {
  const { server, class: toolClass, toolNames, requestedById: requesterId } = found
  const tools = await namedTools(reader(ctx), { serverId: found.serverId, names: toolNames })
  const facts = { ...server, class: toolClass, toolNames, requesterId, tier: found.agent.tier, tools }
  const rule = escalated(requestPolicy(await readApprovalRules(reader(ctx)), facts).rule, found)
  const given = await reader(ctx).scopeApproval.findMany({
    where: { requestId: found.id, revision: found.revision, ruleId: rule.id },
    orderBy: { at: 'asc' },
  })
  const people = await personNames(
    ctx,
    given.flatMap(({ personId, forPersonId }) => [personId, forPersonId]),
  )
  const open = found.state === 'pending' ? openSteps(rule, given) : []
  const steps = stepsOf(rule).map((roles, index) => {
    const approval = given.find(({ step }) => step === index)
    const by = approval && (people.get(approval.personId) ?? { id: approval.personId, name: 'unknown', active: false })
    return {
      number: index + 1,
      roles: [...roles],
      approved:
        approval && by
          ? {
              by,
              for: people.get(approval.forPersonId ?? '') ?? null,
              at: approval.at.toISOString(),
              note: approval.note,
            }
          : null,
      open: open.includes(index),
    }
  })
  const left = termsLeft({ ...found, ...limitsOf(found) }, { approvals: given, rule })
  const { title, id: ruleId, daysMax, says = null } = rule
  return { rule, given, policy: { title, ruleId, daysMax, says, steps, left } }
}

const requestSelect = {
  id: true,
  agentId: true,
  serverId: true,
  class: true,
  toolNames: true,
  conditions: true,
  rateCalls: true,
  ratePer: true,
  reason: true,
  days: true,
  state: true,
  requestedById: true,
  createdAt: true,
  decidedById: true,
  decidedForId: true,
  decidedAt: true,
  decisionNote: true,
  ticket: true,
  dueAt: true,
  remindAt: true,
  remindedAt: true,
  escalations: true,
  escalationRuleId: true,
  revision: true,
  agentVersion: true,
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
  server: { select: { id: true, name: true, environment: true, sensitivity: true, dataClasses: true, status: true } },
} satisfies Prisma.ScopeRequestSelect

type RequestFields = Prisma.ScopeRequestGetPayload<{ select: typeof requestSelect }>

async function requestRows(ctx: Ctx, rows: RequestFields[]): Promise<ScopeRequestRow[]> {
  const people = await personNames(
    ctx,
    rows.flatMap((row) => [row.requestedById, row.decidedById, row.decidedForId]),
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
      // As the platform said it, in its words.
      dataClasses: row.server.dataClasses as DataClass[],
    },
    class: row.class,
    toolNames: row.toolNames,
    ...limitsOf(row),
    reason: row.reason,
    days: row.days,
    state: row.state,
    requestedBy: people.get(row.requestedById) ?? { ...nobody, id: row.requestedById },
    createdAt: row.createdAt.toISOString(),
    decidedBy: row.decidedById ? (people.get(row.decidedById) ?? null) : null,
    decidedFor: row.decidedForId ? (people.get(row.decidedForId) ?? null) : null,
    decidedAt: row.decidedAt?.toISOString() ?? null,
    decisionNote: row.decisionNote,
    ticket: row.ticket,
    dueAt: row.dueAt?.toISOString() ?? null,
    remindAt: row.remindAt?.toISOString() ?? null,
    remindedAt: row.remindedAt?.toISOString() ?? null,
    escalations: row.escalations,
    revision: row.revision,
  }))
}
