import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { readApprovalRules } from './queries/approval-policy.ts'
import { type ApprovalFacts, type ApprovalRuleFacts, approvalRuleFor, escalationDue } from './rules/approval-policy.ts'

/** In one transaction. */
const batchMax = 200

/** What is overdue, by the id of what waits. */
export type OverdueFacts = ApprovalFacts & {
  id: string
  dueAt: Date
  escalations: number
  escalationRuleId: string | null
  toolName: string | null
  serverId: string
  agentId: string
  agentName: string
  teamId: string
}
type Escalation = NonNullable<ApprovalRuleFacts['escalation']>
type Kind<Row> = {
  /** The next of those that are overdue, in order and locked, after this place. */
  page: (tx: Tx, ctx: Ctx, from: { dueAt: Date; id: string; limit: number }) => Promise<Row[]>
  /** Writes down that it is passed on by this rule, and to whom. */
  pass: (
    tx: Tx,
    ctx: Ctx,
    row: Row,
    by: { ruleId: string | null; step: number; escalation: Escalation },
  ) => Promise<void>
}

/** Passes on what is overdue still, as the rule that holds says, one step at a time and each of them once, however many workers ask. Returns how many. */
export async function passOnOverdue<Row extends OverdueFacts>(ctx: Ctx, kind: Kind<Row>): Promise<number> {
  let escalated = 0
  // Those whose rule passes nothing on stay where they are: so page by page until the end.
  for (let from: { dueAt: Date; id: string } = { dueAt: new Date(0), id: '00000000-0000-0000-0000-000000000000' }; ;) {
    const place = from
    const done = await inTx(ctx, (tx, ctx) => passOnSome(tx, ctx, kind, place))
    escalated += done.escalated
    if (!done.last) return escalated
    from = done.last
  }
}

/** `last` is where the next batch begins; null: there is none. */
async function passOnSome<Row extends OverdueFacts>(
  tx: Tx,
  ctx: Ctx,
  { page, pass }: Kind<Row>,
  from: { dueAt: Date; id: string },
) {
  const rules = await readApprovalRules(tx)
  if (!rules.some(({ escalation }) => escalation)) return { escalated: 0, last: null }
  const rows = await page(tx, ctx, { ...from, limit: batchMax })
  let escalated = 0
  for (const row of rows) {
    const rule = approvalRuleFor(rules, row)
    const step = escalationDue(rule, { ...row, now: ctx.now })
    if (step === null || !rule.escalation) continue
    await pass(tx, ctx, row, { ruleId: rule.id, step, escalation: rule.escalation })
    escalated += 1
  }
  return { escalated, last: rows.length < batchMax ? null : rows.at(-1)! }
}
