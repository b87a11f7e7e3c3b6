import { recordAudit } from '#lib/audit/commands.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import { type OverdueFacts, passOnOverdue } from '../passing-on.ts'

/** Passes on requests that are overdue still (`scope_request.escalated`). Returns how many. */
export async function escalateRequests(ctx: Ctx): Promise<number> {
  return await passOnOverdue<OverdueFacts>(ctx, {
    page: (tx, { now }, { dueAt, id, limit }) => tx.$queryRaw`
    select r."id", r."dueAt", r."escalations", r."escalationRuleId", r."toolName", r."serverId", r."class"::text as "class", a."id" as "agentId", a."name" as "agentName",
      a."ownerTeamId" as "teamId", a."tier"::text as "tier", s."environment"::text as "environment", s."sensitivity"::text as "sensitivity", s."dataClasses"
    from "ScopeRequest" r join "Agent" a on a."id" = r."agentId" join "McpServer" s on s."id" = r."serverId"
    where r."state" = 'pending' and r."dueAt" <= ${now} and (r."dueAt", r."id") > (${dueAt}, ${id}::uuid)
    order by r."dueAt", r."id" limit ${limit} for update of r skip locked`,
    pass: async (tx, ctx, row, { ruleId, step, escalation }) => {
      await tx.scopeRequest.update({ where: { id: row.id }, data: { escalations: step, escalationRuleId: ruleId } })
      const { roles, teamId, times, mayDecide } = escalation
      const subject = { kind: 'agent', id: row.agentId, name: row.agentName }
      const about = { subject, agentId: row.agentId, teamId: row.teamId, serverId: row.serverId }
      const detail = { requestId: row.id, step, of: times, roles, teamId, mayDecide, dueAt: row.dueAt.toISOString() }
      recordAudit(tx, ctx, {
        event: 'scope_request.escalated',
        ...about,
        ...(row.toolName ? { tool: row.toolName } : {}),
        detail,
      })
    },
  })
}
