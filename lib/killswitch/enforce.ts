import { setTimeout as sleep } from 'node:timers/promises'
import { recordAudit } from '#lib/audit/commands.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { enqueueMany, jobs } from '#lib/jobs/contracts.ts'
import { stopsRuns } from './rules.ts'
import type { StopScope } from './schema.ts'
import { reachesAgent } from './targets.ts'

export type OrderInForce = { id: string; scope: StopScope; targetId: string; reason: string }

type CoveredRun = { id: string; agentId: string; agentName: string; teamId: string }

/** What only changes a run is over in an instant; what takes longer is not waited for. */
const triesMax = 10
const againMs = 20

/**
 * Marks the open runs an order covers as stopping, with the order, and enqueues the interruption of each. From the commit on their
 * tokens are refused. Runs that are stopping already stay with the order that came first. An order waits for nobody who holds a run for
 * long: that one is marked by the next look at the orders in force. Returns how many it marked.
 */
export async function stopCoveredRuns(ctx: Ctx & { tx: Tx }, order: OrderInForce): Promise<number> {
  if (!stopsRuns(order.scope)) return 0
  const { tx } = ctx
  const runs = await markCovered(ctx, order)
  for (let tries = 1; tries < triesMax && (await leavesOpen(ctx, order)); tries += 1) {
    await sleep(againMs)
    runs.push(...(await markCovered(ctx, order)))
  }
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

async function markCovered({ tx, now }: Ctx & { tx: Tx }, order: OrderInForce): Promise<CoveredRun[]> {
  return await tx.$queryRaw<CoveredRun[]>`
    with covered as (
      select r."id", a."id" as "agentId", a."name" as "agentName", a."ownerTeamId" as "teamId" from "Run" r join "Agent" a on a."id" = r."agentId"
      where r."state" in ('queued', 'running') and ${reachesAgent(order, now)} for update of r skip locked)
    update "Run" r set "state" = 'stopping', "rule" = 'killed', "stopOrderId" = ${order.id}::uuid
    from covered c where r."id" = c."id" returning c."id", c."agentId", c."agentName", c."teamId"`
}

async function leavesOpen({ tx, now }: Ctx & { tx: Tx }, order: OrderInForce): Promise<boolean> {
  const [left] = await tx.$queryRaw<{ open: boolean }[]>`
    select exists (select 1 from "Run" r join "Agent" a on a."id" = r."agentId"
      where r."state" in ('queued', 'running') and ${reachesAgent(order, now)}) as "open"`
  return left!.open
}
