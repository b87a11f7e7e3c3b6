import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx, requirePerson } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import type { CreateApprovalRuleInput, RemoveApprovalRuleInput } from '../schema/approval-policy.ts'

/**
 * Adds a rule to the approval policy; it holds for what is decided from now on, also of requests that wait. Needs `approvals:manage`; throws `invalid` for a rule that would
 * approve by itself what is destructive, or without an end.
 */
export async function createApprovalRule(ctx: Ctx, input: CreateApprovalRuleInput): Promise<{ ruleId: string }> {
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
    const teamId = input.escalation?.teamId ?? null
    if (teamId !== null && !(await tx.team.findUnique({ where: { id: teamId }, select: { id: true } }))) {
      throw invalid('escalation', `There is no team ${teamId}.`)
    }
    const rule = await tx.approvalRule.create({
      data: { ...input, escalation: input.escalation ?? Prisma.DbNull, createdById: person.id, createdAt: ctx.now },
      select: { id: true },
    })
    const { position, steps, daysMax, dueHours, escalation } = input
    recordAudit(tx, ctx, {
      event: 'approval_rule.created',
      subject: { kind: 'approval_rule', id: rule.id, name: input.title },
      detail: { ruleId: rule.id, position, steps, daysMax, dueHours, escalation },
    })
    return { ruleId: rule.id }
  })
}

/** Ends a rule; requests that wait are decided by the rule that fits then. Needs `approvals:manage`; throws `not_found`; the second one changes nothing. */
export async function removeApprovalRule(ctx: Ctx, input: RemoveApprovalRuleInput): Promise<{ removed: boolean }> {
  authorize(ctx, 'approvals:manage')
  const person = requirePerson(ctx)
  return await inTx(ctx, async (tx, ctx) => {
    const rule = await tx.approvalRule.findUnique({ where: { id: input.ruleId }, select: { title: true } })
    if (!rule) throw new DomainError('not_found', 'There is no such rule.')
    const { count } = await tx.approvalRule.updateMany({
      where: { id: input.ruleId, removedAt: null },
      data: { removedAt: ctx.now, removedById: person.id },
    })
    if (count === 0) return { removed: false }
    recordAudit(tx, ctx, {
      event: 'approval_rule.removed',
      subject: { kind: 'approval_rule', id: input.ruleId, name: rule.title },
      detail: { ruleId: input.ruleId, reason: input.reason },
    })
    return { removed: true }
  })
}

function invalid(field: string, message: string): DomainError {
  return new DomainError('invalid', message, { field, rule: 'approvals:rule' })
}
