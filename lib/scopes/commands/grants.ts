import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, can, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { ok, type Result } from '#lib/core/result.ts'
import type { Tx } from '#lib/db/client.ts'
import { agentSubject, lockAgent, type LockedAgent } from '#lib/registry/commands.ts'
import type { ToolClass } from '#lib/registry/schema.ts'
import { type ArgumentCondition, type CallRate, limitTexts } from '#lib/registry/schema/conditions.ts'
import { mayTakeBack } from '../rules/give-up.ts'
import { checkConditions, limitColumns } from '../rules/limits.ts'
import { refuse } from '../rules.ts'
import { proposalProblem } from '../queries/proposal-problem.ts'
import type { RevokeGrantInput, ScopeRefusal } from '../schema.ts'

export type GrantScope = {
  serverId: string
  class: ToolClass
  toolName: string | null
  reason: string
  expiresAt: Date | null
  conditions?: readonly ArgumentCondition[]
  rate?: CallRate | null
}

/**
 * Ends a grant; brokers refuse from the moment they are told (at most a second later). Needs `grants:revoke`, or to give up a scope of an
 * agent of one's own team or that one is accountable for, `scopes:request`. Throws `not_found`.
 */
export async function revokeGrant(ctx: Ctx, input: RevokeGrantInput): Promise<Result<null, ScopeRefusal>> {
  if (!can(ctx.actor, 'scopes:request')) authorize(ctx, 'grants:revoke')
  return await inTx(ctx, async (tx, ctx) => {
    const found = await tx.grant.findUnique({ where: { id: input.grantId }, select: { agentId: true } })
    if (!found) throw new DomainError('not_found', 'There is no such grant.')
    const agent = await lockAgent(tx, found.agentId)
    if (!mayTakeBack(ctx.actor, ownersOf(agent))) authorize(ctx, 'grants:revoke')
    const grant = await tx.grant.findUniqueOrThrow({ where: { id: input.grantId }, select: grantFields })
    if (grant.revokedAt) return refuse('scopes:already_revoked', 'Someone has revoked this grant already.')
    if (input.proposedOver !== undefined) {
      const follow = { kind: 'revoke' as const, days: input.proposedOver }
      const problem = await proposalProblem(ctx, { ...grant, agentId: agent.id }, follow)
      if (problem) return problem
    }
    await endGrants(tx, ctx, { agent, grants: [grant], reason: input.reason })
    return ok(null)
  })
}

/** Who may give up what an agent holds, as `mayTakeBack` asks. */
export function ownersOf({ ownerTeam, accountablePersonId }: LockedAgent) {
  return { ownerTeamId: ownerTeam.id, accountablePersonId }
}

/** Gives an agent a scope without asking, because its template's policy pre-approves it or an import says so. For lifecycle, inside its transaction. */
export async function grantDirectly(
  ctx: Ctx & { tx: Tx },
  grant: { agent: LockedAgent; scope: GrantScope; via: 'template' | 'import' },
): Promise<string> {
  return await writeGrant(ctx.tx, ctx, { ...grant, requestId: null })
}

/** Ends every grant and takes back every pending request of an agent that is locked. For lifecycle, inside its transaction. */
export async function endAllScopes(
  ctx: Ctx & { tx: Tx },
  { agent, reason }: { agent: LockedAgent; reason: string },
): Promise<{ grantsRevoked: number }> {
  const { tx } = ctx
  const grants = await tx.grant.findMany({ where: { agentId: agent.id, revokedAt: null }, select: grantFields })
  await endGrants(tx, ctx, { agent, grants, reason })
  const pending = await tx.scopeRequest.findMany({
    where: { agentId: agent.id, state: { in: ['pending', 'changes_requested'] } },
    select: { id: true, serverId: true },
  })
  await tx.scopeRequest.updateMany({
    where: { id: { in: pending.map(({ id }) => id) } },
    data: { state: 'withdrawn', decidedAt: ctx.now, decisionNote: reason },
  })
  for (const { id, serverId } of pending) {
    const detail = { requestId: id }
    recordAudit(tx, ctx, { event: 'scope_request.withdrawn', ...agentSubject(agent), serverId, detail })
  }
  return { grantsRevoked: grants.length }
}

export async function writeGrant(
  tx: Tx,
  ctx: Ctx,
  grant: {
    agent: LockedAgent
    scope: GrantScope
    via: 'template' | 'import' | 'request' | 'break_glass' | 'narrowed'
    requestId: string | null
  },
): Promise<string> {
  const { agent, scope, via, requestId } = grant
  const createdById = ctx.actor.kind === 'person' ? ctx.actor.id : null
  const { conditions = [], rate = null, ...rest } = scope
  checkConditions(conditions)
  const row = await tx.grant.create({
    data: {
      agentId: agent.id,
      ...rest,
      ...limitColumns({ conditions, rate }),
      via,
      requestId,
      createdById,
      createdAt: ctx.now,
    },
    select: { id: true },
  })
  recordAudit(tx, ctx, {
    event: 'grant.created',
    ...agentSubject(agent),
    serverId: scope.serverId,
    ...(scope.toolName ? { tool: scope.toolName } : {}),
    detail: {
      grantId: row.id,
      class: scope.class,
      toolName: scope.toolName,
      via,
      expiresAt: scope.expiresAt?.toISOString() ?? null,
      reason: scope.reason,
      requestId,
      conditions: [...conditions],
      rate,
      limits: limitTexts({ conditions, rate }),
    },
  })
  return row.id
}

const grantFields = { id: true, serverId: true, class: true, toolName: true, revokedAt: true } as const

export async function endGrants(
  tx: Tx,
  ctx: Ctx,
  ending: {
    agent: LockedAgent
    grants: { id: string; serverId: string; class: ToolClass; toolName: string | null }[]
    reason: string
  },
): Promise<void> {
  const { agent, grants, reason } = ending
  const revokedById = ctx.actor.kind === 'person' ? ctx.actor.id : null
  await tx.grant.updateMany({
    where: { id: { in: grants.map(({ id }) => id) } },
    data: { revokedAt: ctx.now, revokedById },
  })
  for (const grant of grants) {
    recordAudit(tx, ctx, {
      event: 'grant.revoked',
      ...agentSubject(agent),
      serverId: grant.serverId,
      ...(grant.toolName ? { tool: grant.toolName } : {}),
      detail: { grantId: grant.id, class: grant.class, reason },
    })
  }
}
