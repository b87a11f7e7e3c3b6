import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'

const dayMs = 86_400_000
/** A grant that ends by itself is announced so long before; one that lasts shorter than twice that, when half of it is over. */
const warnDays = 7
const batchMax = 500

/**
 * Announces, once each, requests that nobody has decided in time (`scope_request.overdue`) and grants that end soon (`grant.ends_soon`), so that nobody is surprised. For the
 * worker, as often as it likes. Needs `grants:revoke`, which processes of ours have. Returns how many were announced.
 */
export async function remindOfScopes(ctx: Ctx): Promise<{ overdue: number; ending: number }> {
  authorize(ctx, 'grants:revoke')
  return await inTx(ctx, async (tx, ctx) => {
    const overdue = await tx.$queryRaw<Overdue[]>`
      update "ScopeRequest" r set "overdueToldAt" = ${ctx.now} from "Agent" a
      where a."id" = r."agentId" and r."id" in (
        select "id" from "ScopeRequest" where "state" = 'pending' and "dueAt" <= ${ctx.now} and "overdueToldAt" is null
        order by "dueAt" limit ${batchMax} for update skip locked)
      returning r."id", r."dueAt", r."serverId", r."toolName", a."id" as "agentId", a."name" as "agentName", a."ownerTeamId" as "teamId"`
    for (const row of overdue) {
      const detail = { requestId: row.id, dueAt: row.dueAt.toISOString() }
      recordAudit(tx, ctx, { event: 'scope_request.overdue', ...about(row), detail })
    }
    const ending = await tx.$queryRaw<Ending[]>`
      update "Grant" g set "endingToldAt" = ${ctx.now} from "Agent" a
      where a."id" = g."agentId" and g."id" in (
        select "id" from "Grant"
        where "revokedAt" is null and "endingToldAt" is null and "via" <> 'break_glass' and "expiresAt" > ${ctx.now}
          and "expiresAt" <= ${new Date(ctx.now.getTime() + warnDays * dayMs)}
          and "expiresAt" - ${ctx.now}::timestamptz <= ("expiresAt" - "createdAt") / 2
        order by "expiresAt" limit ${batchMax} for update skip locked)
      returning g."id", g."class"::text as "class", g."expiresAt", g."serverId", g."toolName", a."id" as "agentId", a."name" as "agentName",
        a."ownerTeamId" as "teamId"`
    for (const row of ending) {
      const { id, class: toolClass, toolName, expiresAt } = row
      const detail = { grantId: id, class: toolClass, toolName, expiresAt: expiresAt.toISOString() }
      recordAudit(tx, ctx, { event: 'grant.ends_soon', ...about(row), detail })
    }
    return { overdue: overdue.length, ending: ending.length }
  })
}

type Row = {
  id: string
  serverId: string
  toolName: string | null
  agentId: string
  agentName: string
  teamId: string
}
type Overdue = Row & { dueAt: Date }
type Ending = Row & { class: string; expiresAt: Date }

function about({ agentId, agentName, teamId, serverId, toolName }: Row) {
  const subject = { kind: 'agent', id: agentId, name: agentName }
  return { subject, agentId, teamId, serverId, ...(toolName ? { tool: toolName } : {}) }
}
