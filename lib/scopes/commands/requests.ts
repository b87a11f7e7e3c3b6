import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { ok, type Result } from '#lib/core/result.ts'
import { lockAgent } from '#lib/registry/commands.ts'
import { authorizeForTeam } from '#lib/registry/rules.ts'
import { limitTexts } from '#lib/registry/schema/conditions.ts'
import { wasTakenAway } from '../queries/taken-away.ts'
import { checkConditions, limitColumns } from '../rules/limits.ts'
import { clockOf } from '../rules/clock.ts'
import { refuse } from '../rules.ts'
import type { AskedClass, RequestScopeInput, ScopeRefusal, WithdrawScopeRequestInput } from '../schema.ts'
import { checkRequest } from './check-request.ts'
import { approveByPolicy } from './decide-request.ts'
import { aboutRequest, lockRequest } from './lock-request.ts'

/**
 * Asks for a scope. Needs `scopes:request` and, unless the role reaches every team, membership of the owner team; throws `not_found`.
 * Of tools that are named no wider class is asked for than they need (`says`). Refused, and recorded as refused, when it is held or asked for already. `grantIds`: when the approval policy approves it at once.
 */
export async function requestScope(
  ctx: Ctx,
  input: RequestScopeInput,
): Promise<Result<AskedClass & { requestId: string; grantIds: string[] }, ScopeRefusal>> {
  authorize(ctx, 'scopes:request')
  const person = requirePerson(ctx)
  const limits = { conditions: input.conditions ?? [], rate: input.rate ?? null }
  checkConditions(limits.conditions)
  return await inTx(ctx, async (tx, ctx) => {
    const agent = await lockAgent(tx, input.agentId)
    authorizeForTeam(ctx, 'scopes:request', agent.ownerTeam)
    const about = aboutRequest(input, agent)
    const checked = await checkRequest(tx, { input, limits, agent, now: ctx.now, requesterId: person.id })
    if (!checked.ok) {
      const { rule, message } = checked.error
      recordAudit(tx, ctx, {
        event: 'scope_request.refused',
        ...about,
        rule,
        detail: { requestId: null, reason: rule, message },
      })
      return checked
    }
    const { agentId, serverId, toolNames, days, reason } = input
    const { rule, atOnce, class: toolClass, says } = checked.value
    const asked = { ...input, class: toolClass }
    const row = await tx.scopeRequest.create({
      data: {
        agentId,
        serverId,
        class: toolClass,
        toolNames,
        days,
        ...limitColumns(limits),
        reason,
        ticket: input.ticket ?? null,
        requestedById: person.id,
        agentVersion: agent.currentVersion,
        createdAt: ctx.now,
        askedAt: ctx.now,
        ...clockOf(rule, ctx.now),
      },
      select: { id: true },
    })
    const detail = { requestId: row.id, class: toolClass, toolNames, days, reason, limits: limitTexts(limits) }
    const wider = says === null || input.class === undefined ? {} : { askedClass: input.class }
    recordAudit(tx, ctx, { event: 'scope_request.created', ...about, detail: { ...detail, ...wider } })
    const takenAway = await wasTakenAway(ctx, asked)
    const grantIds =
      atOnce && !takenAway
        ? await approveByPolicy(tx, ctx, { requestId: row.id, agent, input: asked, limits, rule })
        : []
    return ok({ requestId: row.id, grantIds, class: toolClass, says })
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
      const { rule, message } = refusal.error
      const detail = { requestId: request.id, reason: rule, message }
      recordAudit(tx, ctx, { event: 'scope_request.refused', ...about, rule, detail })
      return refusal
    }
    const data = { state: 'withdrawn' as const, decidedById: person.id, decidedAt: ctx.now }
    await tx.scopeRequest.update({ where: { id: request.id }, data })
    recordAudit(tx, ctx, { event: 'scope_request.withdrawn', ...about, detail: { requestId: request.id } })
    return ok(null)
  })
}

function withdrawal(
  request: { state: string; requestedById: string; decidedByName: string | null },
  personId: string,
): Result<null, ScopeRefusal> {
  if (request.requestedById !== personId) {
    return refuse('scopes:not_your_request', 'Only the person who asked may take it back.')
  }
  if (request.state === 'pending' || request.state === 'changes_requested') return ok(null)
  const who = request.decidedByName ? ` by ${request.decidedByName}` : ''
  return refuse('scopes:already_decided', `It was ${request.state}${who} in the meantime.`)
}
