import { setTimeout as sleep } from 'node:timers/promises'
import { inTx } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { endOfStopped } from '../rules.ts'
import { applyEvent } from './apply.ts'
import { type HarnessDeps, workerCtx } from './deps.ts'
import { endRun } from './run-end.ts'
import { appendLog, lockRun } from './run-log.ts'

/** How long an interrupted session may take to be still before it is archived while it runs. */
const stillnessMs = 5_000

/**
 * Proves that a stopping run is stopped: interrupts its session, waits until Claude says it is still, archives it, takes in what happened
 * until then, and only then ends the run. Its token is refused since it is stopping, so nothing depends on how long this takes.
 */
export async function stopStoppingRun(deps: HarnessDeps, runId: string): Promise<void> {
  await deps.exclusively(`run:${runId}`, async () => {
    const run = await deps.db.run.findUnique({
      where: { id: runId },
      select: { state: true, rule: true, claudeSessionId: true },
    })
    if (run?.state !== 'stopping') return
    await noteStopping(deps, runId, run.rule)
    if (run.claudeSessionId) await endSession(deps, runId, run.claudeSessionId)
    await inTx(workerCtx(deps), async (tx, ctx) => {
      const locked = await lockRun(tx, runId)
      if (locked?.state === 'stopping') await endRun(ctx, locked, { end: endOfStopped(locked.rule), meter: deps.meter })
    })
  })
}

async function endSession(deps: HarnessDeps, runId: string, sessionId: string): Promise<void> {
  try {
    await deps.claude.interrupt(sessionId)
    if (!(await isStill(deps, sessionId, stillnessMs))) deps.log.warn({ runId, sessionId }, 'an interrupt did not take')
  } catch (error) {
    // A session that is gone or has ended cannot be interrupted, and need not be.
    if (!(error instanceof DomainError && ['not_found', 'invalid', 'conflict'].includes(error.code))) throw error
  }
  await deps.claude.archiveSession(sessionId)
  if (!(await isStill(deps, sessionId, stillnessMs))) {
    throw new DomainError('unavailable', 'The session still runs at Claude.', { runId })
  }
  for (const event of await eventsOf(deps, sessionId)) await applyEvent(deps, { runId, writer: null }, event)
}

async function isStill(deps: HarnessDeps, sessionId: string, waitMs: number): Promise<boolean> {
  const deadline = Date.now() + waitMs
  for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 500)) {
    const status = await statusOf(deps, sessionId)
    if (status === 'idle' || status === 'terminated') return true
    if (Date.now() >= deadline) return false
    await sleep(pauseMs)
  }
}

async function statusOf(deps: HarnessDeps, sessionId: string): Promise<string> {
  try {
    return (await deps.claude.getSession(sessionId)).status
  } catch (error) {
    if (error instanceof DomainError && error.code === 'not_found') return 'terminated'
    throw error
  }
}

async function eventsOf(deps: HarnessDeps, sessionId: string) {
  try {
    return await deps.claude.listEvents(sessionId)
  } catch (error) {
    if (error instanceof DomainError && error.code === 'not_found') return []
    throw error
  }
}

async function noteStopping(deps: HarnessDeps, runId: string, rule: string | null): Promise<void> {
  await inTx(workerCtx(deps), async (tx, ctx) => {
    const run = await lockRun(tx, runId)
    if (run?.state !== 'stopping') return
    const payload = { status: 'stopping', ...(rule ? { rule } : {}) }
    await appendLog(tx, runId, [{ kind: 'status', payload, at: ctx.now, key: 'stopping' }])
  })
}
