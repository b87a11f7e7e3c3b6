import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { ok, type Result } from '#lib/core/result.ts'
import type { Tx } from '#lib/db/client.ts'
import { agentSubject, lockAgent, type LockedAgent } from '#lib/registry/commands.ts'
import { serverNotFound } from '#lib/registry/queries.ts'
import { authorizeForTeam, covers } from '#lib/registry/rules.ts'
import { methodPrefix, namedMethods } from '#lib/registry/schema.ts'
import { limitKey, limitTexts, rateText } from '#lib/registry/schema/conditions.ts'
import { writeGrant } from './grants.ts'
import { checkConditions, limitColumns, limitsOf, type ScopeLimits } from '../rules/limits.ts'
import { decideScope, expiryOf, grantable, grantCovers, refuse, widerThanAsked } from '../rules.ts'
import type { DecideScopeRequestInput, RequestScopeInput, ScopeRefusal, WithdrawScopeRequestInput } from '../schema.ts'

/**
 * Asks for a scope. Needs `scopes:request` and, unless the role reaches every team, membership of the owner team; throws `not_found`.
 * Refused, and recorded as refused, when it is held or asked for already.
 */
export async function requestScope(
  ctx: Ctx,
  input: RequestScopeInput,
): Promise<Result<{ requestId: string }, ScopeRefusal>> {
  authorize(ctx, 'scopes:request')
  const person = requirePerson(ctx)
  const limits = { conditions: input.conditions ?? [], rate: input.rate ?? null }
  checkConditions(limits.conditions)
  return await inTx(ctx, async (tx, ctx) => {
    const agent = await lockAgent(tx, input.agentId)
    authorizeForTeam(ctx, 'scopes:request', agent.ownerTeam)
    const about = {
      ...agentSubject(agent),
      serverId: input.serverId,
      ...(input.toolName ? { tool: input.toolName } : {}),
    }
    const checked = await checkRequest(tx, { input, limits, agent, now: ctx.now })
    if (!checked.ok) {
      const { rule } = checked.error
      recordAudit(tx, ctx, {
        event: 'scope_request.refused',
        ...about,
        rule,
        detail: { requestId: null, reason: rule },
      })
      return checked
    }
    const { agentId, serverId, toolName, days, reason } = input
    const row = await tx.scopeRequest.create({
      data: {
        agentId,
        serverId,
        class: input.class,
        toolName,
        days,
        ...limitColumns(limits),
        reason,
        requestedById: person.id,
        createdAt: ctx.now,
      },
      select: { id: true },
    })
    const detail = { requestId: row.id, class: input.class, toolName, days, reason, limits: limitTexts(limits) }
    recordAudit(tx, ctx, { event: 'scope_request.created', ...about, detail })
    return ok({ requestId: row.id })
  })
}

/**
 * Approves (for as long as was asked, or shorter) or rejects with a note. Needs `scopes:approve`; throws `not_found`, and `invalid` for
 * a longer time than was asked. Of two who decide at once, one does and the other is told.
 */
export async function decideScopeRequest(
  ctx: Ctx,
  input: DecideScopeRequestInput,
): Promise<Result<{ grantId: string | null; expiresAt: string | null }, ScopeRefusal>> {
  authorize(ctx, 'scopes:approve')
  const person = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const { request, agent, server } = await lockRequest(tx, input.requestId)
    const about = aboutRequest(request, agent)
    const decision = decideScope({ ...request, agent, server }, { personId: person.id, decision: input.decision })
    if (!decision.ok) {
      const { rule } = decision.error
      const detail = { requestId: request.id, reason: rule }
      recordAudit(tx, ctx, { event: 'scope_request.refused', ...about, rule, detail })
      return decision
    }
    const decided = { decidedById: person.id, decidedAt: ctx.now, decisionNote: input.note ?? null }
    const note = input.note ?? null
    if (input.decision === 'reject') {
      await tx.scopeRequest.update({ where: { id: request.id }, data: { ...decided, state: 'rejected' } })
      const detail = { requestId: request.id, class: request.class, note }
      recordAudit(tx, ctx, { event: 'scope_request.rejected', ...about, detail })
      return ok({ grantId: null, expiresAt: null })
    }
    const expiresAt = expiryOf(grantedDays(request.days, input.days), ctx.now)
    const limits = grantedLimits(request, input)
    await tx.scopeRequest.update({ where: { id: request.id }, data: { ...decided, state: 'approved' } })
    const { class: toolClass, serverId, toolName, reason } = request
    const scope = { serverId, class: toolClass, toolName, reason, expiresAt, ...limits }
    const grantId = await writeGrant(tx, ctx, { agent, scope, via: 'request', requestId: request.id })
    const until = expiresAt?.toISOString() ?? null
    const detail = { requestId: request.id, class: toolClass, expiresAt: until, note, limits: limitTexts(limits) }
    recordAudit(tx, ctx, { event: 'scope_request.approved', ...about, detail })
    return ok({ grantId, expiresAt: expiresAt?.toISOString() ?? null })
  })
}

/** Takes back one's own request while it is pending. Needs `scopes:request`; throws `not_found`. */
export async function withdrawScopeRequest(
  ctx: Ctx,
  input: WithdrawScopeRequestInput,
): Promise<Result<null, ScopeRefusal>> {
  authorize(ctx, 'scopes:request')
  const person = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const { request, agent } = await lockRequest(tx, input.requestId)
    const about = aboutRequest(request, agent)
    const refusal = withdrawal(request, person.id)
    if (!refusal.ok) {
      const { rule } = refusal.error
      const detail = { requestId: request.id, reason: rule }
      recordAudit(tx, ctx, { event: 'scope_request.refused', ...about, rule, detail })
      return refusal
    }
    const data = { state: 'withdrawn' as const, decidedById: person.id, decidedAt: ctx.now }
    await tx.scopeRequest.update({ where: { id: request.id }, data })
    recordAudit(tx, ctx, { event: 'scope_request.withdrawn', ...about, detail: { requestId: request.id } })
    return ok(null)
  })
}

async function checkRequest(
  tx: Tx,
  { input, limits, agent, now }: { input: RequestScopeInput; limits: ScopeLimits; agent: LockedAgent; now: Date },
): Promise<Result<null, ScopeRefusal>> {
  const server = await tx.mcpServer.findUnique({
    where: { id: input.serverId },
    select: {
      name: true,
      status: true,
      tools: { where: { name: input.toolName ?? '', state: { not: 'removed' } }, select: { class: true } },
    },
  })
  if (!server) throw serverNotFound(input.serverId)
  const possible = grantable({ agent, server })
  if (!possible.ok) return possible
  if (input.toolName?.startsWith(methodPrefix)) {
    const method = input.toolName.slice(methodPrefix.length)
    if (!(namedMethods as readonly string[]).includes(method) || input.class !== 'read') {
      const message = `Ask for class read and one of ${namedMethods.map((name) => methodPrefix + name).join(', ')}.`
      return refuse('scopes:tool_unknown', message)
    }
  } else if (input.toolName !== null) {
    const tool = server.tools[0]
    if (!tool) return refuse('scopes:tool_unknown', `${server.name} has no tool ${input.toolName}.`)
    if (!covers(input.class, tool.class)) {
      const message = `${input.toolName} is a ${tool.class} tool: ask for ${tool.class}.`
      return refuse('scopes:tool_unknown', message)
    }
  }
  const { agentId, serverId, toolName } = input
  const grants = await tx.grant.findMany({
    where: { agentId, serverId, revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] },
    select: { class: true, toolName: true, expiresAt: true, conditions: true, rateCalls: true, ratePer: true },
  })
  const wanted = { class: input.class, toolName, expiresAt: expiryOf(input.days, now), ...limits }
  if (grants.some((grant) => grantCovers({ ...grant, ...limitsOf(grant) }, wanted)))
    return refuse('scopes:already_held', 'The agent holds this scope already.')
  const pending = await tx.scopeRequest.findMany({
    where: { agentId, serverId, class: input.class, toolName, state: 'pending' },
    select: { conditions: true, rateCalls: true, ratePer: true },
  })
  return pending.some((request) => limitKey(limitsOf(request)) === limitKey(limits))
    ? refuse('scopes:already_pending', 'The same scope is asked for already and waits.')
    : ok(null)
}

/** Locks the agent, then the request: the order everybody keeps. */
async function lockRequest(tx: Tx, id: string) {
  const found = await tx.scopeRequest.findUnique({ where: { id }, select: { agentId: true } })
  if (!found) throw new DomainError('not_found', 'There is no such scope request.')
  const agent = await lockAgent(tx, found.agentId)
  const row = await tx.scopeRequest.findUniqueOrThrow({
    where: { id },
    select: {
      id: true,
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
      decidedById: true,
      server: { select: { name: true, status: true } },
    },
  })
  const { server, decidedById, ...rest } = row
  const request = { ...rest, ...limitsOf(rest) }
  const decidedBy = decidedById
    ? await tx.person.findUnique({ where: { id: decidedById }, select: { name: true } })
    : null
  return { request: { ...request, decidedByName: decidedBy?.name ?? null }, agent, server }
}

function aboutRequest(request: { serverId: string; toolName: string | null }, agent: LockedAgent) {
  const tool = request.toolName ? { tool: request.toolName } : {}
  return { ...agentSubject(agent), serverId: request.serverId, ...tool }
}

function withdrawal(
  request: { state: string; requestedById: string; decidedByName: string | null },
  personId: string,
): Result<null, ScopeRefusal> {
  if (request.requestedById !== personId) {
    return refuse('scopes:not_your_request', 'Only the person who asked may take it back.')
  }
  if (request.state === 'pending') return ok(null)
  const who = request.decidedByName ? ` by ${request.decidedByName}` : ''
  return refuse('scopes:already_decided', `It was ${request.state}${who} in the meantime.`)
}

/** Left out: as asked. An approver may shorten what was asked, never lengthen it. */
function grantedDays(asked: number | null, granted: number | null | undefined): number | null {
  if (granted === undefined) return asked
  const longer = asked !== null && (granted === null || granted > asked)
  if (!longer) return granted
  throw new DomainError('invalid', `It was asked for ${asked} days; grant at most that.`, {
    field: 'days',
    rule: 'scopes:longer_than_asked',
  })
}

/** Left out: as asked. An approver may narrow what was asked, never widen it. */
function grantedLimits(asked: ScopeLimits, granted: Partial<ScopeLimits>): ScopeLimits {
  const limits = { conditions: granted.conditions ?? asked.conditions, rate: granted.rate ?? asked.rate }
  checkConditions(limits.conditions)
  const field = widerThanAsked(asked, limits)
  if (!field) return limits
  const message =
    field === 'rate'
      ? `It was asked for ${rateText(asked.rate!)}; grant at most that.`
      : 'It was asked for with conditions; keep each of them, and add what you want.'
  throw new DomainError('invalid', message, { field, rule: 'scopes:wider_than_asked' })
}
