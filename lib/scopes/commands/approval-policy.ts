import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { ok, type Result } from '#lib/core/result.ts'
import { endIsAsked, endNotAsked, endWithdrawal } from '#lib/core/second-person.ts'
import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { readApprovalRules } from '../queries/approval-policy.ts'
import type { ApprovalRuleFacts } from '../rules/approval-policy.ts'
import { easierUnder } from '../rules/easier.ts'
import { refuse } from '../rules.ts'
import type { ScopeRefusal } from '../schema.ts'
import type {
  ConfirmApprovalRuleInput,
  CreateApprovalRuleInput,
  RemoveApprovalRuleInput,
} from '../schema/approval-policy.ts'
import { renewUnder } from './due-times.ts'

/**
 * Adds a rule to the approval policy; it holds for what is decided from now on, also of requests that wait. One that makes anything easier to approve holds from when somebody else
 * has confirmed it (`waits`). Needs `approvals:manage`; throws `invalid` for a rule that would approve by itself what is destructive, or without an end.
 */
export async function createApprovalRule(
  ctx: Ctx,
  input: CreateApprovalRuleInput,
): Promise<{ ruleId: string; waits: boolean }> {
  authorize(ctx, 'approvals:manage')
  const person = requirePerson(ctx)
  if (input.steps.length === 0) {
    if (input.classes.length === 0 || input.classes.includes('destructive')) {
      throw invalid('classes', 'Without anybody to ask, name the classes it is about, and none that is destructive.')
    }
    if (input.daysMax === null) {
      throw invalid('daysMax', 'Without anybody to ask, say for how many days at most it is granted.')
    }
  }
  return await inTx(ctx, async (tx, ctx) => {
    const rules = await lockRules(tx)
    const teamId = input.escalation?.teamId ?? null
    if (teamId !== null && !(await tx.team.findUnique({ where: { id: teamId }, select: { id: true } }))) {
      throw invalid('escalation', `There is no team ${teamId}.`)
    }
    const waits = easierUnder(withRule(rules, input, person.id), rules) !== null
    const rule = await tx.approvalRule.create({
      data: {
        ...input,
        escalation: input.escalation ?? Prisma.DbNull,
        createdById: person.id,
        createdAt: ctx.now,
        inForceAt: waits ? null : ctx.now,
      },
      select: { id: true },
    })
    if (!waits) await renewUnder(tx, ctx, await readApprovalRules(tx))
    const { position, steps, daysMax, dueHours, remindPercent, escalation } = input
    recordAudit(tx, ctx, {
      event: waits ? 'approval_rule.proposed' : 'approval_rule.created',
      subject: subjectOf({ id: rule.id, title: input.title }),
      detail: { ruleId: rule.id, position, steps, daysMax, dueHours, remindPercent, escalation },
    })
    return { ruleId: rule.id, waits }
  })
}

/**
 * Lets a rule hold that somebody else has proposed because it makes approval easier. Needs `approvals:manage`; throws `not_found`. Refused, and recorded as refused, to who proposed it, and when it holds
 * already; of two at once one does.
 */
export async function confirmApprovalRule(
  ctx: Ctx,
  input: ConfirmApprovalRuleInput,
): Promise<Result<null, ScopeRefusal>> {
  authorize(ctx, 'approvals:manage')
  const person = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    await lockRules(tx)
    const rule = await tx.approvalRule.findUnique({ where: { id: input.ruleId } })
    if (!rule || rule.removedAt) throw new DomainError('not_found', 'There is no such rule.')
    const refusal = rule.inForceAt ? holdsAlready : rule.createdById === person.id ? ownRule : null
    if (refusal) return refused(tx, ctx, { rule, action: 'confirm' }, refusal)
    await tx.approvalRule.update({
      where: { id: rule.id },
      data: { inForceAt: ctx.now, confirmedById: person.id },
    })
    await renewUnder(tx, ctx, await readApprovalRules(tx))
    recordAudit(tx, ctx, {
      event: 'approval_rule.confirmed',
      subject: subjectOf(rule),
      detail: { ruleId: rule.id },
    })
    return ok(null)
  })
}

/**
 * Ends a rule; requests that wait are decided by the rule that fits then. Where that makes anything easier to approve, the first person asks for it (`waits`), and a second one who
 * calls this within a week does it. Needs `approvals:manage`; throws `not_found`; of an ended one it changes nothing.
 */
export async function removeApprovalRule(
  ctx: Ctx,
  input: RemoveApprovalRuleInput,
): Promise<{ removed: boolean; waits: boolean }> {
  authorize(ctx, 'approvals:manage')
  const person = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const rules = await lockRules(tx)
    const { ruleId, reason } = input
    const rule = await tx.approvalRule.findUnique({ where: { id: ruleId } })
    if (!rule) throw new DomainError('not_found', 'There is no such rule.')
    if (rule.removedAt) return { removed: false, waits: false }
    const subject = subjectOf(rule)
    const without = rules.filter(({ id }) => id !== ruleId)
    if (easierUnder(without, rules) !== null && !endIsAsked(rule, { by: person.id, now: ctx.now })) {
      const asked = { endAskedById: person.id, endAskedAt: ctx.now, endAskedReason: reason }
      await tx.approvalRule.update({ where: { id: ruleId }, data: asked })
      recordAudit(tx, ctx, { event: 'approval_rule.end_asked', subject, detail: { ruleId, reason } })
      return { removed: false, waits: true }
    }
    await tx.approvalRule.update({ where: { id: ruleId }, data: { removedAt: ctx.now, removedById: person.id } })
    await renewUnder(tx, ctx, without)
    recordAudit(tx, ctx, { event: 'approval_rule.removed', subject, detail: { ruleId, reason } })
    return { removed: true, waits: false }
  })
}

/** Takes back that one has asked for the end of a rule, which goes on. Needs `approvals:manage`; throws `not_found`. Refused, and recorded as refused, to anybody else, and when nobody has asked or it has ended. */
export async function withdrawApprovalRuleEnd(
  ctx: Ctx,
  { ruleId }: ConfirmApprovalRuleInput,
): Promise<Result<null, ScopeRefusal>> {
  authorize(ctx, 'approvals:manage')
  const person = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    await lockRules(tx)
    const rule = await tx.approvalRule.findUnique({ where: { id: ruleId } })
    if (!rule) throw new DomainError('not_found', 'There is no such rule.')
    const possible = rule.removedAt ? 'not_asked' : endWithdrawal(rule, { by: person.id, now: ctx.now })
    if (possible !== 'possible') return refused(tx, ctx, { rule, action: 'withdraw_end' }, endRefusals[possible])
    await tx.approvalRule.update({ where: { id: ruleId }, data: endNotAsked })
    const subject = subjectOf(rule)
    recordAudit(tx, ctx, { event: 'approval_rule.end_withdrawn', subject, detail: { ruleId } })
    return ok(null)
  })
}

const holdsAlready = { rule: 'scopes:rule_holds', message: 'It holds already.' } as const
const ownRule = {
  rule: 'scopes:own_rule',
  message: 'You proposed this rule, and it makes approval easier, so somebody else confirms it.',
} as const
const endRefusals = {
  not_asked: { rule: 'scopes:end_not_asked', message: 'Nobody asks for its end, or not any more.' },
  not_theirs: { rule: 'scopes:not_your_wish', message: 'Only the person who asked for its end takes that back.' },
} as const

/** On the record, too. */
function refused(
  tx: Tx,
  ctx: Ctx,
  of: { rule: { id: string; title: string }; action: 'confirm' | 'withdraw_end' },
  { rule, message }: ScopeRefusal,
): { ok: false; error: ScopeRefusal } {
  recordAudit(tx, ctx, {
    event: 'approval_rule.refused',
    subject: subjectOf(of.rule),
    decision: 'deny',
    rule,
    detail: { ruleId: of.rule.id, action: of.action, reason: message },
  })
  return refuse(rule, message)
}

function subjectOf({ id, title }: { id: string; title: string }) {
  return { kind: 'approval_rule', id, name: title }
}

/** Changes take turns: each is judged by the rules that it changes. */
async function lockRules(tx: Tx): Promise<(ApprovalRuleFacts & { position: number })[]> {
  await tx.$queryRaw`select pg_advisory_xact_lock(hashtext('approval_rules'))::text`
  return await readApprovalRules(tx)
}

/** The rules with one more, where it will be asked: behind those of its position. */
function withRule(
  rules: readonly (ApprovalRuleFacts & { position: number })[],
  input: CreateApprovalRuleInput,
  createdById: string,
): ApprovalRuleFacts[] {
  const at = rules.filter(({ position }) => position <= input.position).length
  return [...rules].toSpliced(at, 0, {
    ...input,
    position: input.position,
    id: 'new',
    createdById,
    escalation: input.escalation ?? null,
  })
}

function invalid(field: string, message: string): DomainError {
  return new DomainError('invalid', message, { field, rule: 'approvals:rule' })
}
