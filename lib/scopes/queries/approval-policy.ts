import { authorize, type Ctx, reader } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import type { Tx } from '#lib/db/client.ts'
import { askedEnd } from '#lib/core/second-person.ts'
import type { Prisma } from '#lib/db/generated/client.ts'
import { personNames } from '#lib/registry/queries.ts'
import { type ApprovalRuleFacts, defaultApprovalRule } from '../rules/approval-policy.ts'
import type { ApprovalRuleView, ApproverRole, Escalation } from '../schema/approval-policy.ts'

/** The rules that hold now, in the order in which they are asked. Callers authorize. */
export async function readApprovalRules(tx: Tx): Promise<(ApprovalRuleFacts & { position: number })[]> {
  const rows = await readRows(tx, { inForceAt: { not: null } })
  return rows.map(({ steps, escalation, ...row }) => ({
    ...row,
    steps: steps as ApproverRole[][],
    escalation: escalation as Escalation | null,
  }))
}

/** The approval policy: its rules in the order in which they are asked, also those that wait for a second person, and at the end what holds where none fits. Needs `requests:read`. */
export async function listApprovalRules(ctx: Ctx): Promise<ApprovalRuleView[]> {
  authorize(ctx, 'requests:read')
  const rows = await readRows(reader(ctx))
  const people = await personNames(
    ctx,
    rows.flatMap(({ createdById, endAskedById }) => [createdById, endAskedById]),
  )
  const person = (id: string) => people.get(id) ?? { id, name: 'unknown', active: false }
  const made = rows.map(({ createdById, createdAt, inForceAt, endAskedById, endAskedAt, endAskedReason, ...row }) => ({
    ...row,
    inForce: inForceAt !== null,
    endAsked: askedEnd({ endAskedById, endAskedAt, endAskedReason }, { now: ctx.now, person }),
    ...(row as Pick<ApprovalRuleView, 'environments' | 'classes' | 'sensitivities' | 'tiers' | 'dataClasses'>),
    steps: row.steps as ApproverRole[][],
    escalation: row.escalation as Escalation | null,
    createdBy: createdById ? (people.get(createdById) ?? null) : null,
    createdAt: createdAt.toISOString(),
  }))
  const { id, title, steps, inOrder, daysMax, dueHours, remindPercent } = defaultApprovalRule
  const last: ApprovalRuleView = {
    id,
    title,
    position: 1001,
    environments: [],
    classes: [],
    sensitivities: [],
    tiers: [],
    dataClasses: [],
    steps: steps.map((roles) => [...roles]),
    inOrder,
    daysMax,
    dueHours,
    remindPercent,
    escalation: null,
    createdBy: null,
    createdAt: null,
    inForce: true,
    endAsked: null,
  }
  return [...made, last]
}

/** One rule that holds or waits for a second person. Needs `requests:read`; throws `not_found`. */
export async function getApprovalRule(ctx: Ctx, id: string): Promise<ApprovalRuleView> {
  const rule = (await listApprovalRules(ctx)).find((each) => each.id === id)
  if (!rule) throw new DomainError('not_found', 'There is no such rule.')
  return rule
}

function readRows(tx: Tx, where: Prisma.ApprovalRuleWhereInput = {}) {
  return tx.approvalRule.findMany({
    where: { ...where, removedAt: null },
    omit: { removedAt: true, removedById: true, confirmedById: true },
    orderBy: [{ position: 'asc' }, { createdAt: 'asc' }, { id: 'asc' }],
  })
}
