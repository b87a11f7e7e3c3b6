import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, can, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { ok, type Result } from '#lib/core/result.ts'
import { agentSubject, lockAgent } from '#lib/registry/commands.ts'
import { covers } from '#lib/registry/rules.ts'
import { limitsOf } from '../rules/limits.ts'
import { refuse } from '../rules.ts'
import type { ScopeRefusal } from '../schema.ts'
import type { NarrowGrantInput } from '../schema/usage.ts'
import { proposalProblem } from '../queries/proposal-problem.ts'
import { endGrants, mayGiveUp, writeGrant } from './grants.ts'

/**
 * Puts grants of single tools in the place of one of a whole class, for as long and within the same limits: nothing is reached that was not reached before, so nobody has to
 * approve. Needs `grants:revoke`, or to narrow what an agent of one's own team holds, `scopes:request`. Throws `not_found`, and `invalid` for a tool that it does not cover.
 */
export async function narrowGrant(
  ctx: Ctx,
  input: NarrowGrantInput,
): Promise<Result<{ grantIds: string[] }, ScopeRefusal>> {
  if (!can(ctx.actor, 'scopes:request')) authorize(ctx, 'grants:revoke')
  return await inTx(ctx, async (tx, ctx) => {
    const found = await tx.grant.findUnique({ where: { id: input.grantId }, select: { agentId: true } })
    if (!found) throw new DomainError('not_found', 'There is no such grant.')
    const agent = await lockAgent(tx, found.agentId)
    if (!mayGiveUp(ctx.actor, agent)) authorize(ctx, 'grants:revoke')
    const grant = await tx.grant.findUniqueOrThrow({
      where: { id: input.grantId },
      include: { server: { select: { tools: { where: { name: { in: input.toolNames } } } } } },
    })
    if (grant.revokedAt) return refuse('scopes:already_revoked', 'Someone has revoked this grant already.')
    if (grant.expiresAt !== null && grant.expiresAt <= ctx.now) {
      return refuse('scopes:already_revoked', 'This grant has expired.')
    }
    if (grant.toolName !== null || grant.via === 'break_glass') {
      return refuse('scopes:not_narrowable', 'A grant of one tool, or of an emergency, is ended or left as it is.')
    }
    const names = [...new Set(input.toolNames)]
    if (grant.rateCalls !== null && names.length > 1) {
      return refuse(
        'scopes:not_narrowable',
        'A rate is kept for each grant, so one with a rate is narrowed to one tool.',
      )
    }
    const tools = names.map((name) => grant.server.tools.find((tool) => tool.name === name))
    const wrong = names.find((_, index) => !tools[index] || !covers(grant.class, tools[index].class))
    if (wrong !== undefined) {
      throw new DomainError('invalid', `The grant does not cover a tool ${wrong}.`, {
        field: 'toolNames',
        rule: 'scopes:tool_unknown',
      })
    }
    if (input.proposedOver !== undefined) {
      const follow = { kind: 'narrow' as const, days: input.proposedOver, toolNames: names }
      const problem = await proposalProblem(ctx, { id: grant.id, agentId: agent.id }, follow)
      if (problem) return problem
    }
    const grantIds: string[] = []
    for (const tool of tools.filter((each) => each !== undefined)) {
      const { serverId, reason, expiresAt, requestId } = grant
      const scope = { serverId, class: tool.class, toolName: tool.name, reason, expiresAt, ...limitsOf(grant) }
      grantIds.push(await writeGrant(tx, ctx, { agent, scope, via: 'narrowed', requestId }))
    }
    await endGrants(tx, ctx, { agent, grants: [grant], reason: input.reason })
    const detail = { grantId: grant.id, class: grant.class, toolNames: names, grantIds, reason: input.reason }
    recordAudit(tx, ctx, { event: 'grant.narrowed', ...agentSubject(agent), serverId: grant.serverId, detail })
    return ok({ grantIds })
  })
}
