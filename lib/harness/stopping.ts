import { recordAudit } from '#lib/audit/commands.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Tx } from '#lib/db/client.ts'
import { enqueue, jobs } from '#lib/jobs/contracts.ts'
import type { RecordedFacts } from './limit-facts.ts'
import { appendLog } from './worker/run-log.ts'

/**
 * Asks one run to stop: from the commit on the broker refuses its token, and a job interrupts its session. False when the run is
 * stopping or has ended already.
 */
export async function askToStop(
  ctx: Ctx & { tx: Tx },
  stop: { runId: string; rule: string; reason: string; facts?: RecordedFacts },
): Promise<boolean> {
  const { tx } = ctx
  const [run] = await tx.run.updateManyAndReturn({
    where: { id: stop.runId, state: { in: ['queued', 'running'] } },
    data: { state: 'stopping', rule: stop.rule },
    select: { id: true, agentId: true, agent: { select: { name: true, ownerTeamId: true } } },
  })
  if (!run) return false
  recordAudit(tx, ctx, {
    event: 'run.stop_requested',
    subject: { kind: 'run', id: run.id, name: run.agent.name },
    detail: { reason: stop.reason, ...(stop.facts ? { facts: stop.facts } : {}) },
    agentId: run.agentId,
    teamId: run.agent.ownerTeamId,
    runId: run.id,
    rule: stop.rule,
  })
  if (ctx.actor.kind === 'person') {
    const text = `Stop asked for by ${ctx.actor.name}: ${stop.reason}`
    await appendLog(tx, run.id, [{ kind: 'note', payload: { text }, at: ctx.now, key: null }])
  }
  await enqueue(tx, jobs.stopRun, { payload: { runId: run.id }, key: `stop_run:${run.id}` })
  return true
}
