import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { escalateRequests } from './escalate.ts'

const dayMs = 86_400_000
/** A grant that ends by itself is announced so long before; one that lasts shorter than twice that, when half of it is over. */
const warnDays = 7
/** A grant that ended longer ago is not announced: a worker that was away tells no old news. */
const endedDays = 3
const batchMax = 500

/**
 * Announces, once each, requests that nobody has decided in time (`scope_request.overdue`), passes them on as their rules say (`scope_request.escalated`), and announces grants that end soon and that have ended
 * (`grant.ends_soon`, `grant.ended`), so that nobody is surprised. For the
 * worker, as often as it likes. Needs `grants:revoke`, which processes of ours have. Returns how many were announced.
 */
export async function remindOfScopes(ctx: Ctx): Promise<Reminded> {
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
    const ended = await endedGrants(tx, ctx)
    for (const row of ended) {
      const { id, class: toolClass, toolName, expiresAt } = row
      const detail = { grantId: id, class: toolClass, toolName, expiresAt: expiresAt.toISOString() }
      recordAudit(tx, ctx, { event: 'grant.ended', ...about(row), detail })
    }
    const escalated = await escalateRequests(tx, ctx)
    return { overdue: overdue.length, escalated, ending: ending.length, ended: ended.length }
  })
}

/** Those whose time was over in the last days and that were not told of; the row that notes it is written once. Break-glass has its own announcements. */
async function endedGrants(tx: Tx, ctx: Ctx): Promise<Ending[]> {
  return await tx.$queryRaw<Ending[]>`
    with told as (
      insert into "GrantEndTold" ("grantId", "at")
      select g."id", ${ctx.now} from "Grant" g
      where g."revokedAt" is null and g."via" <> 'break_glass' and g."expiresAt" <= ${ctx.now}
        and g."expiresAt" > ${new Date(ctx.now.getTime() - endedDays * dayMs)}
        and not exists (select 1 from "GrantEndTold" t where t."grantId" = g."id")
      order by g."expiresAt" limit ${batchMax}
      on conflict do nothing returning "grantId"
    )
    select g."id", g."class"::text as "class", g."expiresAt", g."serverId", g."toolName", a."id" as "agentId", a."name" as "agentName",
      a."ownerTeamId" as "teamId"
    from told join "Grant" g on g."id" = told."grantId" join "Agent" a on a."id" = g."agentId"`
}

type Reminded = { overdue: number; escalated: number; ending: number; ended: number }
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
