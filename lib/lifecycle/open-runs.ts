import { recordAudit } from '#lib/audit/commands.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { enqueueMany, jobs } from '#lib/jobs/contracts.ts'
import { agentSubject, type LockedAgent } from '#lib/registry/commands.ts'

/** Marks the open runs of an agent that is no longer active as stopping and enqueues the interruption of each, in the transaction that ends its activity. */
export async function stopOpenRuns(
  ctx: Ctx & { tx: Tx },
  { agent, reason }: { agent: LockedAgent; reason: string },
): Promise<void> {
  const rule = 'agent_not_active'
  const runs = await ctx.tx.$queryRaw<{ id: string }[]>`
    update "Run" set "state" = 'stopping', "rule" = ${rule}
    where "agentId" = ${agent.id} and "state" in ('queued', 'running') returning "id"`
  for (const { id } of runs) {
    const about = { ...agentSubject(agent), subject: { kind: 'run', id, name: agent.name }, runId: id, rule }
    recordAudit(ctx.tx, ctx, { event: 'run.stop_requested', ...about, detail: { reason } })
  }
  await enqueueMany(
    ctx.tx,
    jobs.stopRun,
    runs.map(({ id }) => ({ payload: { runId: id }, key: `stop_run:${id}` })),
  )
}
