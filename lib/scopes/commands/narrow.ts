import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, can, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { ok, type Result } from '#lib/core/result.ts'
import type { Tx } from '#lib/db/client.ts'
import { agentSubject, lockAgent } from '#lib/registry/commands.ts'
import { covers } from '#lib/registry/rules.ts'
import { type ArgumentCondition, conditionsMax } from '#lib/registry/schema/conditions.ts'
import { mayTakeBack } from '../rules/give-up.ts'
import { checkConditions, limitsOf } from '../rules/limits.ts'
import { refuse } from '../rules.ts'
import type { ScopeRefusal } from '../schema.ts'
import type { NarrowGrantInput } from '../schema/usage.ts'
import { proposalProblem } from '../queries/proposal-problem.ts'
import { endGrants, ownersOf, writeGrant } from './grants.ts'

/**
 * Puts grants of single tools in the place of one of a whole class, or of one of a tool that has fewer conditions, for as long and within the same limits and those that are added: nothing
 * is reached that was not reached before, so nobody has to approve. Needs `grants:revoke`, or to narrow what an agent of one's own team holds, `scopes:request`. Throws `not_found`, and `invalid` for a tool that it does not cover.
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
    if (!mayTakeBack(ctx.actor, ownersOf(agent))) authorize(ctx, 'grants:revoke')
    const grant = await tx.grant.findUniqueOrThrow({
      where: { id: input.grantId },
      include: { server: { select: { tools: { where: { name: { in: input.toolNames } } } } } },
    })
    if (grant.revokedAt) return refuse('scopes:already_revoked', 'Someone has revoked this grant already.')
    if (grant.expiresAt !== null && grant.expiresAt <= ctx.now) {
      return refuse('scopes:already_revoked', 'This grant has expired.')
    }
    const names = [...new Set(input.toolNames)]
    const added = addedConditions(input, names)
    const isOfOneTool = grant.toolName !== null
    if (grant.via === 'break_glass' || (isOfOneTool && added.size === 0)) {
      const message = 'A grant of one tool, without conditions to add, or of an emergency is ended or left as it is.'
      return refuse('scopes:not_narrowable', message)
    }
    if (grant.rateCalls !== null && names.length > 1) {
      return refuse(
        'scopes:not_narrowable',
        'A rate is kept for each grant, so one with a rate is narrowed to one tool.',
      )
    }
    const tools = names.map((name) => grant.server.tools.find((tool) => tool.name === name))
    const wrong = names.find(
      (name, index) =>
        !tools[index] || !covers(grant.class, tools[index].class) || (isOfOneTool && name !== grant.toolName),
    )
    if (wrong !== undefined) {
      throw new DomainError('invalid', `The grant does not cover a tool ${wrong}.`, {
        field: 'toolNames',
        rule: 'scopes:tool_unknown',
      })
    }
    if (input.proposedOver !== undefined) {
      const follow = { kind: 'narrow' as const, days: input.proposedOver, toolNames: names, conditions: added }
      const problem = await proposalProblem(ctx, { id: grant.id, agentId: agent.id, serverId: grant.serverId }, follow)
      if (problem) return problem
    }
    const grantIds: string[] = []
    for (const tool of tools.filter((each) => each !== undefined)) {
      const { serverId, reason, expiresAt, requestId } = grant
      const { conditions, rate } = limitsOf(grant)
      const limits = { conditions: joined(conditions, added.get(tool.name) ?? []), rate }
      const scope = { serverId, class: tool.class, toolName: tool.name, reason, expiresAt, ...limits }
      const id = await writeGrant(tx, ctx, { agent, scope, via: 'narrowed', requestId })
      if (rate !== null) await carryUse(tx, { from: grant.id, to: id })
      grantIds.push(id)
    }
    await endGrants(tx, ctx, { agent, grants: [grant], reason: input.reason })
    const conditional = [...added.keys()]
    const detail = {
      grantId: grant.id,
      class: grant.class,
      toolNames: names,
      conditional,
      grantIds,
      reason: input.reason,
    }
    recordAudit(tx, ctx, { event: 'grant.narrowed', ...agentSubject(agent), serverId: grant.serverId, detail })
    return ok({ grantIds })
  })
}

/** What was used of a rate stays used: else narrowing would be a way to begin anew. The lock makes calls wait that are counted meanwhile, and then none goes under the old grant. */
async function carryUse(tx: Tx, { from, to }: { from: string; to: string }): Promise<void> {
  const none = { grantId: from, per: 'hour', parts: [], calls: [] }
  await tx.grantUse.createMany({ data: [none], skipDuplicates: true })
  await tx.$queryRaw`select 1 from "GrantUse" where "grantId" = ${from}::uuid for update`
  await tx.$executeRaw`
    insert into "GrantUse" ("grantId", "per", "parts", "calls")
    select ${to}::uuid, "per", "parts", "calls" from "GrantUse" where "grantId" = ${from}::uuid`
}

/** By tool; throws `invalid` for one that is not kept and for a condition that cannot be evaluated. */
function addedConditions(input: NarrowGrantInput, names: readonly string[]): Map<string, ArgumentCondition[]> {
  const given = input.conditions ?? []
  const added = new Map(given.map(({ tool, conditions }) => [tool, conditions]))
  const unknown = given.find(({ tool }) => !names.includes(tool))
  if (unknown || added.size < given.length) {
    const message = unknown ? `${unknown.tool} is not among the tools that it keeps.` : 'Name each tool once.'
    throw new DomainError('invalid', message, { field: 'conditions', rule: 'scopes:condition' })
  }
  for (const conditions of added.values()) checkConditions(conditions)
  return added
}

function joined(held: readonly ArgumentCondition[], added: readonly ArgumentCondition[]): ArgumentCondition[] {
  const conditions = [...held, ...added]
  if (conditions.length <= conditionsMax) return conditions
  const message = `With those that it has there are more than ${conditionsMax} conditions.`
  throw new DomainError('invalid', message, { field: 'conditions', rule: 'scopes:condition' })
}
