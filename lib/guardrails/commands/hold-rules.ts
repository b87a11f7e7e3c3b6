import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { type Role, rolesWith } from '#lib/auth/permissions.ts'
import { DomainError } from '#lib/core/errors.ts'
import { err, ok, type Result } from '#lib/core/result.ts'
import { endIsAsked, endNotAsked, endWithdrawal } from '#lib/core/second-person.ts'
import type { Tx } from '#lib/db/client.ts'
import { serverNotFound } from '#lib/registry/queries.ts'
import { conditionProblem } from '#lib/registry/rules/conditions.ts'
import { endBypassesOf } from './hold-bypasses.ts'
import type {
  CreateHoldRuleInput,
  HeldCallRefusal,
  RemoveHoldRuleInput,
  WithdrawHoldRuleEndInput,
} from '../schema/held-calls.ts'

/**
 * Makes a rule that holds calls, asked behind all others until a second person has confirmed the end of the one it replaces, whose place it takes then; brokers follow within a second. Needs `holds:manage`; throws `not_found` for an unknown server or rule,
 * `invalid` for a tool the server does not have, `conflict` when the other rule is gone.
 */
export async function createHoldRule(
  ctx: Ctx,
  { replaces, ...input }: CreateHoldRuleInput,
): Promise<{ ruleId: string }> {
  authorize(ctx, 'holds:manage')
  const person = requirePerson(ctx)
  if (input.onTimeout === 'allow' && input.class !== 'read' && input.toolName === null) {
    throw invalid('onTimeout', 'Only reading may be allowed when nobody decides: name a tool that reads.')
  }
  if (input.excludedDeciders.includes('own_team') && !input.deciderRoles.some(reachesEveryTeam)) {
    const message = 'Nobody would be left to decide: these roles decide about agents of their own team only.'
    throw invalid('deciderRoles', message)
  }
  input.conditions.forEach((condition, at) => {
    const problem = conditionProblem(condition)
    if (problem) throw invalid(`conditions.${at}`, problem)
  })
  return await inTx(ctx, async (tx, ctx) => {
    if (input.serverId !== null) await expectTool(ctx, { serverId: input.serverId, input })
    if (replaces !== undefined) await askForEnd(ctx, { ruleId: replaces, by: input.title })
    const rule = await tx.holdRule.create({
      data: { ...input, takesPlaceOfId: replaces ?? null, createdById: person.id, createdAt: ctx.now },
      select: { id: true },
    })
    const { deciderRoles, excludedDeciders, decideSeconds, onTimeout } = input
    recordAudit(tx, ctx, {
      event: 'hold_rule.created',
      subject: { kind: 'hold_rule', id: rule.id, name: input.title },
      ...(input.serverId ? { serverId: input.serverId } : {}),
      ...(input.toolName ? { tool: input.toolName } : {}),
      detail: { ruleId: rule.id, deciderRoles: [...deciderRoles], excludedDeciders, decideSeconds, onTimeout },
    })
    return { ruleId: rule.id }
  })
}

/**
 * Ends a rule; calls it holds already still wait. Without it calls go through that a person decided about, also of agents of the own team, so the first person asks for its end
 * (`waits`), and a second one who calls this within a week does it. Needs `holds:manage`; throws `not_found`; of an ended one it changes nothing.
 */
export async function removeHoldRule(
  ctx: Ctx,
  input: RemoveHoldRuleInput,
): Promise<{ removed: boolean; waits: boolean }> {
  authorize(ctx, 'holds:manage')
  const person = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const { ruleId, reason } = input
    await tx.$queryRaw`select 1 from "HoldRule" where "id" = ${ruleId}::uuid for update`
    const rule = await tx.holdRule.findUnique({ where: { id: ruleId } })
    if (!rule) throw new DomainError('not_found', 'There is no such rule.')
    if (rule.removedAt) return { removed: false, waits: false }
    const about = { subject: { kind: 'hold_rule', id: ruleId, name: rule.title }, detail: { ruleId, reason } }
    if (!endIsAsked(rule, { by: person.id, now: ctx.now })) {
      const asked = { endAskedById: person.id, endAskedAt: ctx.now, endAskedReason: reason }
      await tx.holdRule.update({ where: { id: ruleId }, data: asked })
      recordAudit(tx, ctx, { event: 'hold_rule.end_asked', ...about })
      return { removed: false, waits: true }
    }
    await tx.holdRule.update({ where: { id: ruleId }, data: { removedAt: ctx.now, removedById: person.id } })
    await leavePlace(tx, ctx, rule)
    await endBypassesOf(tx, ctx, ruleId)
    recordAudit(tx, ctx, { event: 'hold_rule.removed', ...about })
    return { removed: true, waits: false }
  })
}

/** Takes back that one has asked for the end of a rule, which goes on holding calls. Needs `holds:manage`; throws `not_found`. Refused, and recorded as refused, to anybody else, and when nobody has asked or it has ended. */
export async function withdrawHoldRuleEnd(
  ctx: Ctx,
  { ruleId }: WithdrawHoldRuleEndInput,
): Promise<Result<null, HeldCallRefusal>> {
  authorize(ctx, 'holds:manage')
  const person = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    await tx.$queryRaw`select 1 from "HoldRule" where "id" = ${ruleId}::uuid for update`
    const rule = await tx.holdRule.findUnique({ where: { id: ruleId } })
    if (!rule) throw new DomainError('not_found', 'There is no such rule.')
    const possible = rule.removedAt ? 'not_asked' : endWithdrawal(rule, { by: person.id, now: ctx.now })
    const subject = { kind: 'hold_rule', id: ruleId, name: rule.title }
    if (possible !== 'possible') {
      const { rule, message } = endRefusals[possible]
      const detail = { ruleId, action: 'withdraw_end', reason: message }
      recordAudit(tx, ctx, { event: 'hold_rule.refused', subject, decision: 'deny', rule, detail })
      return err({ rule, message })
    }
    await tx.holdRule.update({ where: { id: ruleId }, data: endNotAsked })
    recordAudit(tx, ctx, { event: 'hold_rule.end_withdrawn', subject, detail: { ruleId } })
    return ok(null)
  })
}

const endRefusals = {
  not_asked: { rule: 'approvals:end_not_asked', message: 'Nobody asks for its end, or not any more.' },
  not_theirs: { rule: 'approvals:not_your_wish', message: 'Only the person who asked for its end takes that back.' },
} as const

/** Asks for the end of the rule that another one replaces. Until a second person has ended it, the new one is asked behind all others, so that nobody alone gets it before a stricter one. */
async function askForEnd(ctx: Ctx, { ruleId, by }: { ruleId: string; by: string }): Promise<void> {
  const { removed, waits } = await removeHoldRule(ctx, { ruleId, reason: `“${by}” takes its place.` })
  if (!removed && !waits) throw new DomainError('conflict', 'The rule it was to replace was removed in the meantime.')
}

/** Whatever was to take the place of a rule has it now, and waits for the place that this one waited for. */
async function leavePlace(
  tx: Tx,
  { now }: Ctx,
  rule: { id: string; position: number; takesPlaceOfId: string | null },
): Promise<void> {
  const { id, position, takesPlaceOfId } = rule
  await tx.$executeRaw`
    update "HoldRule" set "positionBefore" = "position", "position" = ${position}, "movedAt" = ${now}, "takesPlaceOfId" = ${takesPlaceOfId}::uuid
    where "takesPlaceOfId" = ${id}::uuid and "removedAt" is null`
}

async function expectTool(
  ctx: Ctx & Required<Pick<Ctx, 'tx'>>,
  { serverId, input }: { serverId: string; input: Omit<CreateHoldRuleInput, 'replaces'> },
): Promise<void> {
  const { toolName, onTimeout } = input
  const server = await ctx.tx.mcpServer.findUnique({
    where: { id: serverId },
    select: { name: true, tools: { where: { name: toolName ?? '' }, select: { class: true } } },
  })
  if (!server) throw serverNotFound(serverId)
  if (toolName === null) return
  const tool = server.tools[0]
  if (!tool) throw invalid('toolName', `${server.name} has no tool ${toolName}.`)
  if (onTimeout === 'allow' && tool.class !== 'read') {
    throw invalid('onTimeout', `${toolName} is a ${tool.class} tool: when nobody decides it is denied.`)
  }
}

function reachesEveryTeam(role: Role): boolean {
  return rolesWith('agents:any_team').includes(role)
}

function invalid(field: string, message: string): DomainError {
  return new DomainError('invalid', message, { field, rule: 'approvals:hold_rule' })
}
