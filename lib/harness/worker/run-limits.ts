import type { Tx } from '#lib/db/client.ts'
import type { RenderedAgent } from '#lib/templates/schema.ts'
import { spentThisMonth } from '../launch.ts'
import { defaultMonthlyBudgetMicros, type RunLimits } from '../rules.ts'

/**
 * The limits of a run that ends. Its ceiling of cost was the template's, or what was left of the month's budget when it started; what is
 * left now says which only while that is still more than the template's. Else the ceiling is not among them.
 */
export async function limitsOfRun(
  tx: Tx,
  run: { agentId: string; agentVersion: number; costMicros: bigint },
  now: Date,
): Promise<Partial<RunLimits>> {
  const { rendered } = await tx.agentVersion.findUniqueOrThrow({
    where: { agentId_version: { agentId: run.agentId, version: run.agentVersion } },
    select: { rendered: true },
  })
  const select = { monthlyBudgetMicros: true } as const
  const agent = await tx.agent.findUniqueOrThrow({ where: { id: run.agentId }, select })
  const { runBudgetMicros, ...others } = (rendered as RenderedAgent).limits
  const budget = agent.monthlyBudgetMicros ?? defaultMonthlyBudgetMicros
  const left = budget - (await spentThisMonth(tx, run.agentId, now)) + run.costMicros
  const own = BigInt(runBudgetMicros)
  // What cost less ended at a lower one, also where the budget was raised since or the month has changed.
  return left >= own && run.costMicros >= own ? { ...others, runBudgetMicros } : others
}
