import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { aboutClocked, type Clocked, clockedId, type ClockedKind, openClocked, rulesOfClocked } from '../clocked.ts'
import { readApprovalRules } from '../queries/approval-policy.ts'
import type { ApprovalRuleFacts } from '../rules/approval-policy.ts'
import { clockOf, toldBy } from '../rules/clock.ts'

/** Read at once. */
const batchMax = 500
const none = '00000000-0000-0000-0000-000000000000'

/**
 * Computes anew by when open requests and reviews are due, as far as the rules that hold now, or what they go by, say otherwise; each change is on the record. For the worker, as
 * often as it likes; rules cannot change meanwhile. Returns how many changed.
 */
export async function renewDueTimes(ctx: Ctx): Promise<number> {
  return await inTx(ctx, async (tx, ctx) => {
    await tx.$queryRaw`select pg_advisory_xact_lock_shared(hashtext('approval_rules'))::text`
    return await renewUnder(tx, ctx, await readApprovalRules(tx))
  })
}

/** The same in the transaction that changes the rules, which has them locked. */
export async function renewUnder(tx: Tx, ctx: Ctx, rules: readonly ApprovalRuleFacts[]): Promise<number> {
  let changed = 0
  for (const kind of ['request', 'review'] as const) {
    for (let after = none; ;) {
      const key = clockedId(kind)
      const rest = Prisma.sql`and ${key} > ${after}::uuid order by ${key} limit ${batchMax}`
      const page = await openClocked(tx, kind, rest)
      const ruleOf = await rulesOfClocked(tx, { kind, rows: page, rules })
      for (const row of page) if (await renew(tx, ctx, { kind, row, rule: ruleOf(row) })) changed += 1
      if (page.length < batchMax) break
      after = page.at(-1)!.id
    }
  }
  return changed
}

async function renew(
  tx: Tx,
  ctx: Ctx,
  { kind, row, rule }: { kind: ClockedKind; row: Clocked; rule: ApprovalRuleFacts },
): Promise<boolean> {
  const clock = clockOf(rule, row.askedAt)
  const { dueAt: before, remindAt } = row
  if (before?.getTime() === clock.dueAt.getTime() && remindAt?.getTime() === clock.remindAt.getTime()) return false
  const data = { ...clock, ...toldBy(clock, row, ctx.now) }
  // Only what is as it was read: whoever decides or changes it meanwhile, or another worker, was first.
  const { count } =
    kind === 'request'
      ? await tx.scopeRequest.updateMany({ where: { id: row.id, state: 'pending', dueAt: before, remindAt }, data })
      : await tx.breakGlassReview.updateMany({
          where: { grantId: row.id, reviewedAt: null, dueAt: before, remindAt },
          data,
        })
  if (count === 0) return false
  // What had no time yet, or keeps it and is reminded at another one, is no news.
  if (before === null || before.getTime() === clock.dueAt.getTime()) return true
  const about = aboutClocked(row)
  const times = { before: before.toISOString(), after: clock.dueAt.toISOString(), approvalRule: rule.title }
  if (kind === 'request') {
    recordAudit(tx, ctx, { event: 'scope_request.due_changed', ...about, detail: { requestId: row.id, ...times } })
  } else {
    recordAudit(tx, ctx, { event: 'break_glass_review.due_changed', ...about, detail: { grantId: row.id, ...times } })
  }
  return true
}
