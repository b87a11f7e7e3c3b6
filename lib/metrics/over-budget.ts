import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { defaultMonthlyBudgetMicros } from '#lib/harness/rules.ts'
import { uncountedCallCosts } from './call-costs.ts'
import { isoDay, utcMonth } from './rules.ts'

type Changed = {
  agentId: string
  name: string
  teamId: string
  spentMicros: bigint
  budgetMicros: bigint
  over: boolean
}

/** After an outage there is much of the log to read; undone, it would only begin anew, and no budget would hold meanwhile. */
const timeoutMs = 600_000

/**
 * Notes which agents have spent their budget of this month, calls that are not added up yet included, and which have not any more because it was raised or the month is over; brokers refuse by it a moment later. Looks at
 * agents that used something since yesterday, that were changed in the last minutes, or that are noted. And notes when it looked: brokers refuse what costs when that is too long ago. Needs `costs:manage`. Returns how many notes changed.
 */
export async function refreshOverBudget(ctx: Ctx): Promise<number> {
  authorize(ctx, 'costs:manage')
  const month = isoDay(ctx.now).slice(0, 7)
  const work = async (tx: Tx, ctx: Ctx): Promise<number> => {
    // Two workers take turns, so that a change is noted and recorded once.
    await tx.$queryRaw`select 1 from pg_advisory_xact_lock(hashtext('over_budget'))`
    const yesterday = isoDay(new Date(ctx.now.getTime() - 86_400_000))
    const changedSince = new Date(ctx.now.getTime() - 5 * 60_000)
    const changed = await tx.$queryRaw<Changed[]>`
      with uncounted as (${uncountedCallCosts(utcMonth(ctx.now))}), looked_at as (
        select distinct d."agentId" as "id" from "AgentDay" d where d."day" >= ${yesterday}::date
        union select "id" from "Agent" where "updatedAt" > ${changedSince}
        union select "agentId" from "OverBudget"
        union select "agentId" from uncounted
      ), spent as (
        select a."id" as "agentId", a."name", a."ownerTeamId" as "teamId",
          coalesce(a."monthlyBudgetMicros", ${defaultMonthlyBudgetMicros}::bigint) as "budgetMicros",
          coalesce((select sum(d."costMicros") from "AgentDay" d
            where d."agentId" = a."id" and d."day" >= ${`${month}-01`}::date), 0)::bigint
            + coalesce((select u."costMicros" from uncounted u where u."agentId" = a."id"), 0) as "spentMicros"
        from "Agent" a join looked_at using ("id")
      )
      select s.*, s."spentMicros" >= s."budgetMicros" as "over" from spent s left join "OverBudget" o using ("agentId")
      where case when s."spentMicros" >= s."budgetMicros"
        then o."agentId" is null or o."month" <> ${month} or o."budgetMicros" <> s."budgetMicros" else o."agentId" is not null end
      order by s."agentId"`
    for (const { agentId, name, teamId, spentMicros, budgetMicros, over } of changed) {
      const data = { month, spentMicros, budgetMicros, since: ctx.now }
      if (over) await tx.overBudget.upsert({ where: { agentId }, create: { agentId, ...data }, update: data })
      else await tx.overBudget.delete({ where: { agentId } })
      recordAudit(tx, ctx, {
        event: over ? 'agent.over_budget' : 'agent.within_budget',
        subject: { kind: 'agent', id: agentId, name },
        agentId,
        teamId,
        ...(over ? { rule: 'budget_exceeded' } : {}),
        detail: { month, spentMicros: spentMicros.toString(), budgetMicros: budgetMicros.toString() },
      })
    }
    await tx.$executeRaw`
      insert into "SpendingLook" ("at") values (${ctx.now})
      on conflict ("id") do update set "at" = greatest("SpendingLook"."at", excluded."at")`
    return changed.length
  }
  return inTx(ctx, work, { timeoutMs })
}
