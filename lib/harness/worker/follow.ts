import type { ClaudeEvent } from '#lib/claude/schema.ts'
import { DomainError } from '#lib/core/errors.ts'
import { inTx } from '#lib/auth/ctx.ts'
import { answerPending } from './answers.ts'
import { applyEvent } from './apply.ts'
import { type HarnessDeps, workerCtx } from './deps.ts'
import { endRun } from './run-end.ts'
import { lockRun } from './run-log.ts'

export type Followed = { runId: string; sessionId: string; holder: string }

/** After a burst of events the answers are looked for once; short, because a session stands still meanwhile. */
const quietMs = 40

/**
 * Follows a run's session from its first event until the run ends, the lease is lost or the signal aborts: each event is taken in once, and
 * what the session waits for is answered. The stream is the fast way, `look` (called now and then) the sure one.
 */
export function followRun(deps: HarnessDeps, followed: Followed, signal: AbortSignal) {
  const { runId, sessionId, holder } = followed
  const seen = new Map<string, ClaudeEvent>()
  let answering: NodeJS.Timeout | undefined
  let queue: Promise<unknown> = Promise.resolve()

  /** One thing at a time for a run, in the order it came. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = queue.then(work)
    queue = next.catch(() => {})
    return next
  }

  async function take(event: ClaudeEvent): Promise<boolean> {
    if (event.id) seen.set(event.id, event)
    const applied = await applyEvent(deps, { runId, writer: holder }, event)
    if (event.type === 'session.status_idle') answerSoon()
    return applied === 'new' || applied === 'known'
  }

  function answerSoon(): void {
    clearTimeout(answering)
    answering = setTimeout(() => {
      if (signal.aborted) return
      inTurn(() => answerPending(deps, { runId, sessionId }, [...seen.values()])).catch((error: unknown) =>
        deps.log.warn({ err: error, runId }, 'a waiting session could not be answered; it is tried again'),
      )
    }, quietMs)
  }

  async function follow(): Promise<void> {
    try {
      for await (const event of deps.claude.streamEvents(sessionId, signal)) {
        if (!(await inTurn(() => take(event)))) return
      }
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof DomainError && error.code === 'not_found')) throw error
      await loseSession(deps, runId)
    } finally {
      clearTimeout(answering)
    }
  }

  /** Reads the session as it is: what the stream has missed is taken in, what waits is answered. */
  async function look(): Promise<void> {
    const session = await deps.claude.getSession(sessionId)
    if (session.status === 'running' || session.status === 'rescheduling') return
    const events = await deps.claude.listEvents(sessionId)
    await inTurn(async () => {
      for (const event of events) if (event.processed_at !== null && !(await take(event))) return
      await answerPending(deps, { runId, sessionId }, events)
    })
  }

  return { done: follow(), look }
}

/** The session is gone at Claude without having ended: nobody will ever say more about the run. */
async function loseSession(deps: HarnessDeps, runId: string): Promise<void> {
  await inTx(workerCtx(deps), async (tx, ctx) => {
    const run = await lockRun(tx, runId)
    if (run?.state !== 'running') return
    const error = 'The session does not exist at Claude any more.'
    await endRun(ctx, run, { end: { state: 'failed', stopReason: 'error', error }, meter: deps.meter })
  })
}
