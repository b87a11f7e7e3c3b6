import { recordAudit } from '#lib/audit/commands.ts'
import { authorize, type Ctx, inTx } from '#lib/auth/ctx.ts'
import { defaultMonthlyBudgetMicros } from '#lib/harness/rules.ts'
import { uncountedCallCosts } from './call-costs.ts'
import { isoDay, utcMonth } from './rules.ts'

type Spent = { agentId: string; name: string; teamId: string; spentMicros: bigint; budgetMicros: bigint; over: boolean }

/**
 * Notes which agents have spent their budget of this month, calls that are not added up yet included, and which have not any more because it was raised or the month is over; brokers refuse by it a moment later. Looks at
 * agents that used something since yesterday, that were changed in the last minutes, or that are noted. Needs `costs:manage`. Returns how many notes changed.
 */
export async function refreshOverBudget(ctx: Ctx): Promise<number> {
  authorize(ctx, 'costs:manage')
  const month = isoDay(ctx.now).slice(0, 7)
  return inTx(ctx, async (tx, ctx) => {
    // Two workers take turns, so that a change is noted and recorded once.
    await tx.$queryRaw`select 1 from pg_advisory_xact_lock(hashtext('over_budget'))`
    const noted = await tx.overBudget.findMany({ select: { agentId: true, month: true, budgetMicros: true } })
    const notes = new Map(noted.map((note) => [note.agentId, note]))
    const yesterday = isoDay(new Date(ctx.now.getTime() - 86_400_000))
    const changedSince = new Date(ctx.now.getTime() - 5 * 60_000)
    const rows = await tx.$queryRaw<Spent[]>`
      with uncounted as (${uncountedCallCosts(utcMonth(ctx.now))}), looked_at as (
        select distinct d."agentId" as "id" from "AgentDay" d where d."day" >= ${yesterday}::date
        union select "id" from "Agent" where "updatedAt" > ${changedSince}
        union select unnest(${noted.map(({ agentId }) => agentId)}::text[])
        union select "agentId" from uncounted
      ), spent as (
        select a."id" as "agentId", a."name", a."ownerTeamId" as "teamId",
          coalesce(a."monthlyBudgetMicros", ${defaultMonthlyBudgetMicros}::bigint) as "budgetMicros",
          coalesce((select sum(d."costMicros") from "AgentDay" d
            where d."agentId" = a."id" and d."day" >= ${`${month}-01`}::date), 0)::bigint
            + coalesce((select u."costMicros" from uncounted u where u."agentId" = a."id"), 0) as "spentMicros"
        from "Agent" a join looked_at using ("id")
      )
      select *, "spentMicros" >= "budgetMicros" as "over" from spent order by "agentId"`
    const changed = rows.filter(({ agentId, over, budgetMicros }) => {
      const note = notes.get(agentId)
      return over ? note?.month !== month || note.budgetMicros !== budgetMicros : note !== undefined
    })
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
    return changed.length
  })
}
