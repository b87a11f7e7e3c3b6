import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { readApprovalRules } from '../queries/approval-policy.ts'
import { type ApprovalFacts, approvalRuleFor, escalationDue } from '../rules/approval-policy.ts'

// The same of open reviews of break-glass as of requests that wait: a rule of the approval policy says how long, and to whom it is passed on.

/** In one transaction. */
const batchMax = 200

/** Reminds, once each, those who may review it before a review is due. Returns how many. */
export async function remindOfReviews(ctx: Ctx): Promise<number> {
  return await tell(ctx, 'break_glass_review.reminded', {
    mark: Prisma.sql`"remindedAt"`,
    when: Prisma.sql`"remindAt" <= ${ctx.now} and "dueAt" > ${ctx.now}`,
  })
}

/** Announces, once each, reviews that nobody has done in time. Returns how many. */
export async function overdueReviews(ctx: Ctx): Promise<number> {
  return await tell(ctx, 'break_glass_review.overdue', {
    mark: Prisma.sql`"overdueToldAt"`,
    when: Prisma.sql`"dueAt" <= ${ctx.now}`,
  })
}

async function tell(
  ctx: Ctx,
  event: 'break_glass_review.reminded' | 'break_glass_review.overdue',
  { mark, when }: { mark: Prisma.Sql; when: Prisma.Sql },
): Promise<number> {
  return await inTx(ctx, async (tx, ctx) => {
    const rows = await tx.$queryRaw<Open[]>`
      update "BreakGlassReview" r set ${mark} = ${ctx.now} from "Grant" g, "Agent" a
      where g."id" = r."grantId" and a."id" = r."agentId" and r."grantId" in (
        select "grantId" from "BreakGlassReview" where "reviewedAt" is null and ${mark} is null and ${when}
        order by "dueAt" limit ${batchMax} for update skip locked)
      returning r."grantId", r."dueAt", g."serverId", g."toolName", a."id" as "agentId", a."name" as "agentName", a."ownerTeamId" as "teamId"`
    for (const row of rows) {
      recordAudit(tx, ctx, {
        event,
        ...about(row),
        detail: { grantId: row.grantId, dueAt: row.dueAt.toISOString() },
      })
    }
    return rows.length
  })
}

/** Passes on reviews that are overdue still, as the rule that holds says, one step at a time and each of them once, however many workers ask. Returns how many. */
export async function escalateReviews(ctx: Ctx): Promise<number> {
  let escalated = 0
  for (let after: Overdue | undefined; ;) {
    const done = await inTx(ctx, (tx, ctx) => escalateSome(tx, ctx, after))
    escalated += done.escalated
    if (!done.last) return escalated
    after = done.last
  }
}

async function escalateSome(tx: Tx, ctx: Ctx, after: Overdue | undefined) {
  const rules = await readApprovalRules(tx)
  if (!rules.some(({ escalation }) => escalation)) return { escalated: 0, last: null }
  const from = after?.dueAt ?? new Date(0)
  const id = after?.grantId ?? '00000000-0000-0000-0000-000000000000'
  const page = await tx.$queryRaw<Overdue[]>`
    select r."grantId", r."dueAt", r."escalations", r."escalationRuleId", g."toolName", g."serverId", g."class"::text as "class", a."id" as "agentId", a."name" as "agentName",
      a."ownerTeamId" as "teamId", a."tier"::text as "tier", s."environment"::text as "environment", s."sensitivity"::text as "sensitivity", s."dataClasses"
    from "BreakGlassReview" r join "Grant" g on g."id" = r."grantId" join "Agent" a on a."id" = r."agentId" join "McpServer" s on s."id" = g."serverId"
    where r."reviewedAt" is null and r."dueAt" <= ${ctx.now} and (r."dueAt", r."grantId") > (${from}, ${id}::uuid)
    order by r."dueAt", r."grantId" limit ${batchMax} for update of r skip locked`
  let escalated = 0
  for (const row of page) {
    const rule = approvalRuleFor(rules, row)
    const step = escalationDue(rule, { ...row, now: ctx.now })
    if (step === null || !rule.escalation) continue
    const { grantId, dueAt } = row
    await tx.breakGlassReview.update({ where: { grantId }, data: { escalations: step, escalationRuleId: rule.id } })
    const { roles, teamId, times } = rule.escalation
    const detail = { grantId, step, of: times, roles, teamId, dueAt: dueAt.toISOString() }
    recordAudit(tx, ctx, { event: 'break_glass_review.escalated', ...about(row), detail })
    escalated += 1
  }
  return { escalated, last: page.length < batchMax ? null : page.at(-1)! }
}

type Open = {
  grantId: string
  dueAt: Date
  serverId: string
  toolName: string | null
  agentId: string
  agentName: string
  teamId: string
}
type Overdue = Open & ApprovalFacts & { escalations: number; escalationRuleId: string | null }

function about({ agentId, agentName, teamId, serverId, toolName }: Open) {
  const subject = { kind: 'agent', id: agentId, name: agentName }
  return { subject, agentId, teamId, serverId, ...(toolName ? { tool: toolName } : {}) }
}
