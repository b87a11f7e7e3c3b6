import { inTx } from '#lib/auth/ctx.ts'
import { enqueue, jobs } from '#lib/jobs/contracts.ts'
import { type HarnessDeps, workerCtx } from './deps.ts'

/**
 * Brings back the jobs that open and ended runs still need, should one have been lost: queued runs are started, stopping ones stopped,
 * ended ones cleared away. A job that exists keeps its pace, but a run that is to stop is tried again at least every minute: nobody
 * waits for hours on a kill. Following is each worker's own duty, see followers.ts.
 */
export async function reconcileRuns(deps: HarnessDeps): Promise<number> {
  const settled = new Date(Date.now() - 30_000)
  const runs = await deps.db.run.findMany({
    where: {
      demo: false,
      createdAt: { lt: settled },
      OR: [
        { state: { in: ['queued', 'stopping'] } },
        { state: { in: ['succeeded', 'failed', 'stopped', 'refused'] }, claudeVaultId: { not: null } },
      ],
    },
    take: 1000,
    orderBy: { createdAt: 'asc' },
    select: { id: true, state: true },
  })
  for (const { id, state } of runs) {
    const payload = { runId: id }
    await inTx(workerCtx(deps), async (tx) => {
      if (state === 'stopping') await enqueue(tx, jobs.stopRun, { payload, key: `stop_run:${id}` })
      else if (state === 'queued') {
        await enqueue(tx, jobs.startRun, { payload, key: `start_run:${id}`, onlyIfMissing: true })
      } else await enqueue(tx, jobs.closeRun, { payload, key: `close_run:${id}`, onlyIfMissing: true })
    })
  }
  return runs.length
}
