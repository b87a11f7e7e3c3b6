import type { Tx } from '#lib/db/client.ts'
import type { RenderedAgent } from '#lib/templates/schema.ts'
import { spentThisMonth } from '../launch.ts'
import { defaultMonthlyBudgetMicros, type RunLimits } from '../rules.ts'

/** The limits of a run that ends. Its ceiling of cost was at most what was left of the month's budget, of which its own cost is a part by now. */
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
  const { limits } = rendered as RenderedAgent
  const budget = agent.monthlyBudgetMicros ?? defaultMonthlyBudgetMicros
  const left = budget - (await spentThisMonth(tx, run.agentId, now)) + run.costMicros
  return { ...limits, runBudgetMicros: Math.min(limits.runBudgetMicros, Number(left)) }
}
