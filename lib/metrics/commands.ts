import type { Ctx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import type { Usage } from './schema.ts'

/** Puts the list prices into the price book; entries that are there already stay. Returns how many were added. */
export async function seedPriceBook(ctx: Ctx): Promise<number> {
  throw new Error(`not built yet ${String(ctx)}`)
}

/** Records and prices one model request, once per `sourceId`, and adds it to the run and the agent's day, all in the caller's transaction. */
export async function recordUsage(
  tx: Tx,
  usage: Usage & { runId: string; agentId: string; at: Date; model: string; sourceId: string },
): Promise<{ recorded: boolean; costMicros: bigint | null }> {
  throw new Error(`not built yet ${String(tx)} ${String(usage)}`)
}

/** Adds an ended run to its agent's day, in the transaction that ends it. The caller calls it once a run. */
export async function countRunEnd(tx: Tx, runId: string): Promise<void> {
  throw new Error(`not built yet ${String(tx)} ${runId}`)
}

/** Recomputes the days from runs and usage: repairs a roll-up and changes nothing when it is right. Demo history is left alone. */
export async function rollUpDays(ctx: Ctx, range: { from: Date; to: Date }): Promise<number> {
  throw new Error(`not built yet ${String(ctx)} ${String(range)}`)
}
