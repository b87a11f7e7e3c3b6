import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, can, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { ok, type Result } from '#lib/core/result.ts'
import type { Tx } from '#lib/db/client.ts'
import { standsInFor } from '#lib/delegation/queries.ts'
import type { LockedAgent } from '#lib/registry/commands.ts'
import type { ToolClass } from '#lib/registry/schema.ts'
import { pastOwners } from '#lib/registry/queries.ts'
import { limitTexts } from '#lib/registry/schema/conditions.ts'
import { readApprovalRules } from '../queries/approval-policy.ts'
import { type ApprovalRuleFacts, escalated, stepsOf } from '../rules/approval-policy.ts'
import { limitColumns, type ScopeLimits } from '../rules/limits.ts'
import { checkNamesKnown, classOf, partsOf } from '../rules/named-tools.ts'
import { requestPolicy } from '../rules/request-policy.ts'
import { cappedTerms, narrowedTerms, termsLeft } from '../rules/terms.ts'
import { decideInPlaceOf } from '../rules/stand-in.ts'
import { decideScope, deciderOf, expiryOf, refuse } from '../rules.ts'
import type {
  DecideScopeRequestInput,
  DecisionOutcome,
  RequestScopeInput,
  ScopeRefusal,
  ScopeTerms,
} from '../schema.ts'
import { type NamedTool, namedTools } from '../queries/named-tools.ts'
import { writeGrant } from './grants.ts'
import { aboutRequest, lockRequest } from './lock-request.ts'

/**
 * Approves (for as long as was asked or shorter, as it was asked or narrower), rejects with a note, or sends back for changes. The approval policy says who is asked: needs
 * `scopes:approve` or `scopes:countersign` and a role that an open step names; with `forPersonId` in the place of somebody one stands in for, as far as both could. The last approval grants what all of them left. Throws `not_found`, and `invalid` for more
 * than was asked. Of two who decide at once, one does and the other is told.
 */
export async function decideScopeRequest(
  ctx: Ctx,
  input: DecideScopeRequestInput,
): Promise<Result<DecisionOutcome, ScopeRefusal>> {
  if (!can(ctx.actor, 'scopes:countersign')) authorize(ctx, 'scopes:approve')
  const person = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const { request, approvals: all, agent, server } = await lockRequest(tx, input.requestId)
    const about = aboutRequest(request, agent)
    const { serverId, requestedById: requesterId } = request
    const asked = { ...request, ...server, tier: agent.tier, requesterId }
    const narrowedTo = input.decision === 'approve' ? (input.toolNames ?? []) : []
    const tools = await namedTools(tx, { serverId, names: [...request.toolNames, ...narrowedTo] })
    const rule = escalated(requestPolicy(await readApprovalRules(tx), { ...asked, tools }).rule, request)
    const approvals = all.filter(({ ruleId }) => ruleId === rule.id)
    const decidable = {
      ...request,
      agent: { ...agent, ownerTeamId: agent.ownerTeam.id, past: await pastOwners(ctx, agent.id) },
      server,
      rule,
      given: approvals,
    }
    const seen = input.revision
    const absent = input.forPersonId === undefined ? null : await absentPerson(ctx, { person, id: input.forPersonId })
    const decision =
      absent === null
        ? decideScope(decidable, { decider: deciderOf(person), decision: input.decision, seen })
        : absent.ok
          ? decideInPlaceOf(decidable, { delegate: person, absent: absent.value, decision: input.decision, seen })
          : absent
    if (!decision.ok) {
      const refusal = decision.error
      const detail = { requestId: request.id, reason: refusal.rule, message: refusal.message }
      recordAudit(tx, ctx, { event: 'scope_request.refused', ...about, rule: refusal.rule, detail })
      return decision
    }
    const place = absent?.ok ? { id: absent.value.id, name: absent.value.name } : null
    const inPlaceOf = place ? { standsInFor: place } : {}
    const decidedForId = place?.id ?? null
    if (input.decision !== 'approve') {
      const rejected = input.decision === 'reject'
      const decided = { decidedById: person.id, decidedForId, decidedAt: ctx.now, decisionNote: input.note }
      const data = rejected
        ? { ...decided, state: 'rejected' as const }
        : { decisionNote: input.note, state: 'changes_requested' as const }
      await tx.scopeRequest.update({ where: { id: request.id }, data })
      const { note } = input
      if (rejected) {
        const detail = { requestId: request.id, class: request.class, note, ...inPlaceOf }
        recordAudit(tx, ctx, { event: 'scope_request.rejected', ...about, detail })
      } else {
        const detail = { requestId: request.id, note, ...inPlaceOf }
        recordAudit(tx, ctx, { event: 'scope_request.changes_requested', ...about, detail })
      }
      return ok({ grantIds: [], expiresAt: null, waitsFor: [] })
    }
    const left = termsLeft(request, { approvals, rule })
    const terms = narrowedTerms(left, { ...input, tools })
    const note = input.note ?? null
    const step = decision.value ?? 0
    const { days, class: toolClass, toolNames, ...limits } = terms
    const { id: requestId, revision } = request
    const by = { personId: person.id, forPersonId: decidedForId }
    const approval = { requestId, revision, ruleId: rule.id, step, ...by, at: ctx.now, note }
    await tx.scopeApproval.create({ data: { ...approval, days, class: toolClass, toolNames, ...limitColumns(limits) } })
    const steps = stepsOf(rule)
    const missing = steps.filter((_, index) => index !== step && !approvals.some((given) => given.step === index))
    if (missing.length > 0) {
      const detail = { requestId, step: step + 1, of: steps.length, approvalRule: rule.title, note, ...inPlaceOf }
      recordAudit(tx, ctx, { event: 'scope_request.step_approved', ...about, detail })
      return ok({ grantIds: [], expiresAt: null, waitsFor: missing.map((roles) => [...roles]) })
    }
    const decided = { decidedById: person.id, decidedForId, decidedAt: ctx.now, decisionNote: note }
    await tx.scopeRequest.update({ where: { id: request.id }, data: { ...decided, state: 'approved' } })
    const granted = await grantTerms(tx, ctx, { request, agent, terms, tools })
    const detail = {
      requestId,
      class: toolClass,
      toolNames,
      expiresAt: granted.expiresAt,
      note,
      limits: limitTexts(limits),
    }
    recordAudit(tx, ctx, {
      event: 'scope_request.approved',
      ...about,
      detail: { ...detail, approvalRule: rule.title, ...inPlaceOf },
    })
    return ok({ ...granted, waitsFor: [] })
  })
}

type Person = ReturnType<typeof requirePerson>

/** In whose place somebody decides, if they stand in for them now. */
async function absentPerson(
  ctx: Ctx,
  { person, id }: { person: Person; id: string },
): Promise<Result<Person, ScopeRefusal>> {
  const found = (await standsInFor(ctx, person.id)).find((each) => each.person.id === id)
  if (found) return ok(found.person)
  return refuse('scopes:not_standing_in', 'You do not stand in for them now: decide in your own place, or leave it.')
}

/** The approval policy approves a request by itself, on the record as such, in the transaction that asks. */
export async function approveByPolicy(
  tx: Tx,
  ctx: Ctx,
  wanted: {
    requestId: string
    agent: LockedAgent
    input: RequestScopeInput & { class: ToolClass }
    limits: ScopeLimits
    rule: ApprovalRuleFacts
  },
): Promise<string[]> {
  const { requestId, agent, input, limits, rule } = wanted
  const note = `Approved by the policy “${rule.title}”.`
  await tx.scopeRequest.update({
    where: { id: requestId },
    data: { state: 'approved', decidedAt: ctx.now, decisionNote: note },
  })
  const { days, class: toolClass, toolNames } = input
  const asked = { days, class: toolClass, toolNames, conditions: [...limits.conditions], rate: limits.rate }
  const terms = cappedTerms(asked, rule)
  const request = { ...input, id: requestId }
  const tools = await namedTools(tx, { serverId: input.serverId, names: toolNames })
  const { grantIds, expiresAt } = await grantTerms(tx, ctx, { request, agent, terms, tools })
  const detail = { requestId, approvalRule: rule.title, class: input.class, expiresAt }
  recordAudit(tx, ctx, { event: 'scope_request.auto_approved', ...aboutRequest(request, agent), detail })
  return grantIds
}

/** One grant of the class, or one of each tool that is named, with the class that it needs. */
async function grantTerms(
  tx: Tx,
  ctx: Ctx,
  { request, agent, terms, tools }: { request: Granted; agent: LockedAgent; terms: ScopeTerms; tools: NamedTool[] },
): Promise<{ grantIds: string[]; expiresAt: string | null }> {
  const { days, class: asked, toolNames, ...limits } = terms
  checkNamesKnown(toolNames, tools)
  const expiresAt = expiryOf(days, ctx.now)
  const { id, serverId, reason } = request
  const grantIds: string[] = []
  for (const toolName of partsOf(toolNames)) {
    const scope = { serverId, class: classOf(toolName, { asked, tools }), toolName, reason, expiresAt, ...limits }
    grantIds.push(await writeGrant(tx, ctx, { agent, scope, via: 'request', requestId: id }))
  }
  return { grantIds, expiresAt: expiresAt?.toISOString() ?? null }
}

type Granted = Pick<RequestScopeInput, 'serverId' | 'reason'> & { id: string }
