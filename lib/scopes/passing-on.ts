import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { aboutClocked, type Clocked, clockedId, type ClockedKind, openClocked, rulesOfClocked } from './clocked.ts'
import { readApprovalRules } from './queries/approval-policy.ts'
import { type ApprovalRuleFacts, escalationDue } from './rules/approval-policy.ts'

/** In one transaction. */
const batchMax = 200

type Overdue = Clocked & { dueAt: Date }
type Place = { dueAt: Date; id: string }

/** Passes on what is overdue still, as the rule that holds says, one step at a time and each of them once, however many workers ask. Returns how many. */
export async function passOnOverdue(ctx: Ctx, kind: ClockedKind): Promise<number> {
  let escalated = 0
  // Those whose rule passes nothing on stay where they are: so page by page until the end.
  for (let from: Place = { dueAt: new Date(0), id: '00000000-0000-0000-0000-000000000000' }; ;) {
    const place = from
    const done = await inTx(ctx, (tx, ctx) => passOnSome(tx, ctx, kind, place))
    escalated += done.escalated
    if (!done.last) return escalated
    from = done.last
  }
}

/** `last` is where the next batch begins; null: there is none. */
async function passOnSome(
  tx: Tx,
  ctx: Ctx,
  kind: ClockedKind,
  from: Place,
): Promise<{ escalated: number; last: Place | null }> {
  const rules = await readApprovalRules(tx)
  if (!rules.some(({ escalation }) => escalation)) return { escalated: 0, last: null }
  const rows = await overdueAfter(tx, ctx, kind, from)
  const ruleOf = await rulesOfClocked(tx, { kind, rows, rules })
  let escalated = 0
  for (const row of rows) {
    const rule = ruleOf(row)
    const step = escalationDue(rule, { ...row, now: ctx.now })
    if (step === null || !rule.escalation) continue
    await passOn(tx, ctx, { kind, row, ruleId: rule.id, step, escalation: rule.escalation })
    escalated += 1
  }
  return { escalated, last: rows.length < batchMax ? null : rows.at(-1)! }
}

/** The next of those that are overdue, in order and locked, after this place. */
async function overdueAfter(tx: Tx, { now }: Ctx, kind: ClockedKind, { dueAt, id }: Place): Promise<Overdue[]> {
  const key = clockedId(kind)
  const rest = Prisma.sql`and r."dueAt" <= ${now} and (r."dueAt", ${key}) > (${dueAt}, ${id}::uuid)
    order by r."dueAt", ${key} limit ${batchMax} for update of r skip locked`
  return (await openClocked(tx, kind, rest)) as Overdue[]
}

type PassingOn = {
  kind: ClockedKind
  row: Overdue
  ruleId: string | null
  step: number
  escalation: NonNullable<ApprovalRuleFacts['escalation']>
}

async function passOn(tx: Tx, ctx: Ctx, { kind, row, ruleId, step, escalation }: PassingOn): Promise<void> {
  const { roles, teamId, times, mayDecide } = escalation
  const data = { escalations: step, escalationRuleId: ruleId }
  const passed = { step, of: times, roles, teamId, dueAt: row.dueAt.toISOString() }
  const about = aboutClocked(row)
  if (kind === 'request') {
    await tx.scopeRequest.update({ where: { id: row.id }, data })
    const detail = { requestId: row.id, ...passed, mayDecide }
    recordAudit(tx, ctx, { event: 'scope_request.escalated', ...about, detail })
  } else {
    await tx.breakGlassReview.update({ where: { grantId: row.id }, data })
    recordAudit(tx, ctx, { event: 'break_glass_review.escalated', ...about, detail: { grantId: row.id, ...passed } })
  }
}
