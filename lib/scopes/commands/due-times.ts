import { recordAudit } from '#lib/audit/commands.ts'
import { type Ctx, inTx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { Prisma } from '#lib/db/generated/client.ts'
import { readApprovalRules } from '../queries/approval-policy.ts'
import { type ApprovalFacts, type ApprovalRuleFacts, approvalRuleFor } from '../rules/approval-policy.ts'
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
      const page = await tx.$queryRaw<Open[]>(openSql[kind](after))
      for (const row of page) if (await renew(tx, ctx, { kind, row, rules })) changed += 1
      if (page.length < batchMax) break
      after = page.at(-1)!.id
    }
  }
  return changed
}

type Kind = 'request' | 'review'
type Open = ApprovalFacts & {
  id: string
  askedAt: Date
  dueAt: Date | null
  remindAt: Date | null
  remindedAt: Date | null
  overdueToldAt: Date | null
  escalations: number
  serverId: string
  toolName: string | null
  agentId: string
  agentName: string
  teamId: string
}

async function renew(
  tx: Tx,
  ctx: Ctx,
  { kind, row, rules }: { kind: Kind; row: Open; rules: readonly ApprovalRuleFacts[] },
): Promise<boolean> {
  const rule = approvalRuleFor(rules, row)
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
  const { agentId, agentName, teamId, serverId, toolName } = row
  const about = {
    subject: { kind: 'agent', id: agentId, name: agentName },
    agentId,
    teamId,
    serverId,
    ...(toolName ? { tool: toolName } : {}),
  }
  const times = { before: before.toISOString(), after: clock.dueAt.toISOString(), approvalRule: rule.title }
  if (kind === 'request') {
    recordAudit(tx, ctx, { event: 'scope_request.due_changed', ...about, detail: { requestId: row.id, ...times } })
  } else {
    recordAudit(tx, ctx, { event: 'break_glass_review.due_changed', ...about, detail: { grantId: row.id, ...times } })
  }
  return true
}

const factsSql = Prisma.sql`a."id" as "agentId", a."name" as "agentName", a."ownerTeamId" as "teamId", a."tier"::text as "tier",
  s."environment"::text as "environment", s."sensitivity"::text as "sensitivity", s."dataClasses"`
const toldSql = Prisma.sql`r."dueAt", r."remindAt", r."remindedAt", r."overdueToldAt", r."escalations"`

const openSql: Record<Kind, (after: string) => Prisma.Sql> = {
  request: (after) => Prisma.sql`
    select r."id", coalesce(r."askedAt", r."createdAt") as "askedAt", ${toldSql}, r."serverId", r."toolName", r."class"::text as "class", ${factsSql}
    from "ScopeRequest" r join "Agent" a on a."id" = r."agentId" join "McpServer" s on s."id" = r."serverId"
    where r."state" = 'pending' and r."id" > ${after}::uuid order by r."id" limit ${batchMax}`,
  review: (after) => Prisma.sql`
    select r."grantId" as "id", r."openedAt" as "askedAt", ${toldSql}, g."serverId", g."toolName", g."class"::text as "class", ${factsSql}
    from "BreakGlassReview" r join "Grant" g on g."id" = r."grantId" join "Agent" a on a."id" = r."agentId" join "McpServer" s on s."id" = g."serverId"
    where r."reviewedAt" is null and r."grantId" > ${after}::uuid order by r."grantId" limit ${batchMax}`,
}
