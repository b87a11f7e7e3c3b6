import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { type OverdueFacts, passOnOverdue } from '../passing-on.ts'

// The same of open reviews of break-glass as of requests that wait: a rule of the approval policy says how long, and to whom it is passed on.

/** Told in one transaction. */
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

/** Passes on reviews that are overdue still (`break_glass_review.escalated`). Returns how many. */
export async function escalateReviews(ctx: Ctx): Promise<number> {
  return await passOnOverdue<OverdueFacts>(ctx, {
    page: (tx, { now }, { dueAt, id, limit }) => tx.$queryRaw`
    select r."grantId" as "id", r."dueAt", r."escalations", r."escalationRuleId", g."toolName", g."serverId", g."class"::text as "class", a."id" as "agentId", a."name" as "agentName",
      a."ownerTeamId" as "teamId", a."tier"::text as "tier", s."environment"::text as "environment", s."sensitivity"::text as "sensitivity", s."dataClasses"
    from "BreakGlassReview" r join "Grant" g on g."id" = r."grantId" join "Agent" a on a."id" = r."agentId" join "McpServer" s on s."id" = g."serverId"
    where r."reviewedAt" is null and r."dueAt" <= ${now} and (r."dueAt", r."grantId") > (${dueAt}, ${id}::uuid)
    order by r."dueAt", r."grantId" limit ${limit} for update of r skip locked`,
    pass: async (tx, ctx, row, { ruleId, step, escalation }) => {
      const { id: grantId, dueAt } = row
      const data = { escalations: step, escalationRuleId: ruleId }
      await tx.breakGlassReview.update({ where: { grantId }, data })
      const { roles, teamId, times } = escalation
      const detail = { grantId, step, of: times, roles, teamId, dueAt: dueAt.toISOString() }
      recordAudit(tx, ctx, { event: 'break_glass_review.escalated', ...about(row), detail })
    },
  })
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

function about({ agentId, agentName, teamId, serverId, toolName }: Omit<Open, 'grantId' | 'dueAt'>) {
  const subject = { kind: 'agent', id: agentId, name: agentName }
  return { subject, agentId, teamId, serverId, ...(toolName ? { tool: toolName } : {}) }
}
