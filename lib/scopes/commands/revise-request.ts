import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { ok, type Result } from '#lib/core/result.ts'
import { authorizeForTeam } from '#lib/registry/rules.ts'
import { limitTexts } from '#lib/registry/schema/conditions.ts'
import { checkConditions, limitColumns } from '../rules/limits.ts'
import { clockOf } from '../rules/clock.ts'
import { refuse } from '../rules.ts'
import type { AskedClass, ReviseScopeRequestInput, ScopeRefusal } from '../schema.ts'
import { checkRequest } from './check-request.ts'
import { aboutRequest, lockRequest } from './lock-request.ts'

/**
 * Changes what one has asked for, until it is decided; approvals given so far are of what was asked before, so they count no more. Needs `scopes:request` in the owner
 * team; throws `not_found`. Refused, and recorded as refused, to anybody but the requester, when it is decided, or when what it says now cannot be asked for.
 */
export async function reviseScopeRequest(
  ctx: Ctx,
  input: ReviseScopeRequestInput,
): Promise<Result<AskedClass & { revision: number }, ScopeRefusal>> {
  authorize(ctx, 'scopes:request')
  const person = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const { request, agent } = await lockRequest(tx, input.requestId)
    authorizeForTeam(ctx, 'scopes:request', agent.ownerTeam)
    const limits = {
      conditions: input.conditions ?? request.conditions,
      rate: input.rate === undefined ? request.rate : input.rate,
    }
    checkConditions(limits.conditions)
    const toolNames = input.toolNames ?? request.toolNames
    const wanted = {
      agentId: agent.id,
      serverId: request.serverId,
      class: input.class ?? (toolNames.length > 0 ? undefined : request.class),
      toolNames,
      days: input.days === undefined ? request.days : input.days,
    }
    const checked =
      request.requestedById !== person.id
        ? refuse('scopes:not_your_request', 'Only the person who asked may change it.')
        : request.state !== 'pending' && request.state !== 'changes_requested'
          ? refuse('scopes:already_decided', `It was ${request.state} in the meantime.`)
          : await checkRequest(tx, {
              input: wanted,
              limits,
              agent,
              now: ctx.now,
              requesterId: person.id,
              except: request.id,
            })
    if (!checked.ok) {
      const { rule, message } = checked.error
      const detail = { requestId: request.id, reason: rule, message }
      recordAudit(tx, ctx, { event: 'scope_request.refused', ...aboutRequest(request, agent), rule, detail })
      return checked
    }
    const { rule, class: toolClass, says } = checked.value
    const revision = request.revision + 1
    const { days } = wanted
    const reason = input.reason ?? request.reason
    const ticket = input.ticket === undefined ? request.ticket : input.ticket
    await tx.scopeRequest.update({
      where: { id: request.id },
      data: {
        class: toolClass,
        toolNames,
        days,
        ...limitColumns(limits),
        reason,
        ticket,
        revision,
        agentVersion: agent.currentVersion,
        state: 'pending',
        decisionNote: null,
        askedAt: ctx.now,
        ...clockOf(rule, ctx.now),
        remindedAt: null,
        overdueToldAt: null,
        escalations: 0,
      },
    })
    const before = wordsOf(request)
    const after = wordsOf({ class: toolClass, toolNames, days, reason, ticket, ...limits })
    const wider = says === null || input.class === undefined ? {} : { askedClass: input.class }
    const detail = { requestId: request.id, revision, ...wider, before, after }
    recordAudit(tx, ctx, { event: 'scope_request.revised', ...aboutRequest(wanted, agent), detail })
    return ok({ revision, class: toolClass, says })
  })
}

function wordsOf(request: {
  class: string
  toolNames: string[]
  days: number | null
  reason: string
  ticket: string | null
  conditions: Parameters<typeof limitTexts>[0]['conditions']
  rate: Parameters<typeof limitTexts>[0]['rate']
}): Record<string, unknown> {
  const { class: toolClass, toolNames, days, reason, ticket } = request
  return { class: toolClass, toolNames, days, reason, ticket, limits: limitTexts(request) }
}
