import { recordAudit } from '#lib/audit/commands.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { enqueueMany, jobs } from '#lib/jobs/contracts.ts'
import { stopsRuns } from './rules.ts'
import type { StopScope } from './schema.ts'
import { reachesAgent } from './targets.ts'

export type OrderInForce = { id: string; scope: StopScope; targetId: string; reason: string }

/**
 * Marks the open runs an order covers as stopping, with the order, and enqueues the interruption of each. From the commit on their
 * tokens are refused. Runs that are stopping already stay with the order that came first. Returns how many it marked.
 */
export async function stopCoveredRuns(ctx: Ctx & { tx: Tx }, order: OrderInForce): Promise<number> {
  if (!stopsRuns(order.scope)) return 0
  const { tx } = ctx
  const runs = await tx.$queryRaw<{ id: string; agentId: string; agentName: string; teamId: string }[]>`
    update "Run" r set "state" = 'stopping', "rule" = 'killed', "stopOrderId" = ${order.id}::uuid
    from "Agent" a
    where a."id" = r."agentId" and r."state" in ('queued', 'running') and ${reachesAgent(order, ctx.now)}
    returning r."id", a."id" as "agentId", a."name" as "agentName", a."ownerTeamId" as "teamId"`
  for (const run of runs) {
    recordAudit(tx, ctx, {
      event: 'run.stop_requested',
      subject: { kind: 'run', id: run.id, name: run.agentName },
      detail: { reason: order.reason },
      agentId: run.agentId,
      teamId: run.teamId,
      runId: run.id,
      rule: 'killed',
    })
  }
  await enqueueMany(
    tx,
    jobs.stopRun,
    runs.map((run) => ({ payload: { runId: run.id }, key: `stop_run:${run.id}` })),
  )
  return runs.length
}
