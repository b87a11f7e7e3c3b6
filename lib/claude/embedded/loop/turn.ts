import { setTimeout as sleep } from 'node:timers/promises'
import type { EmbSession } from '#lib/db/generated/client.ts'
import { readEvents, type Writer } from '../events/journal.ts'
import { newId } from '../ids.ts'
import { fromJson } from '../json.ts'
import { goIdle, reschedule } from '../sessions/transitions.ts'
import { activeMsAt, listCostSoFar, type SessionAgent } from '../sessions/view.ts'
import { toCents } from '../list-prices.ts'
import { commitAnswer, noUsage } from './answer.ts'
import { toMessages } from './conversation.ts'
import { type LoopDeps, type Run, writeIfOpen } from './deps.ts'
import { toModelFailure } from './model.ts'
import { ensureToolset } from './session-tools.ts'
import { type LoopState, readState } from './state.ts'
import { toModelTools } from './toolset.ts'

type Input = { session: EmbSession; state: LoopState }

/** One model request, from the checks before it to what its answer means for the session. */
export async function requestTurn(deps: LoopDeps, run: Run, { session, state }: Input): Promise<void> {
  if (isOverBudget(session, deps.now())) return await pauseAtBudget(deps, run, session)
  if (state.rounds >= deps.limits.roundsMax) return await giveUpRounds(deps, run)
  const agent = fromJson<SessionAgent>(session.agent)
  const toolset = await ensureToolset(deps, run, session)
  if (run.signal.aborted) return

  const spanId = await writeIfOpen(
    deps,
    run.sessionId,
    async (writer) => writer.append({ type: 'span.model_request_start' }).id,
  )
  if (spanId === null) return
  const messageId = newId('event', deps.now())
  try {
    const message = await deps.model.request({
      model: agent.model.id,
      effort: agent.model.effort?.type ?? null,
      system: agent.system,
      messages: toMessages(await readEvents(deps.db, run.sessionId)),
      tools: toModelTools(toolset.tools),
      signal: run.signal,
      onText: previewer(deps, run.sessionId, messageId),
    })
    run.attempts = 0
    await writeIfOpen(deps, run.sessionId, async (writer) => {
      await commitAnswer(writer, { message, messageId, spanId, toolset, model: agent.model.id })
    })
  } catch (error) {
    await handleFailure(deps, run, { error, spanId })
  }
}

/** Whether the cap is reached, or cannot be measured any more. */
export function isOverBudget(session: EmbSession, now: Date): boolean {
  if (session.budgetCents === null) return false
  const cost = listCostSoFar({ ...session, activeMs: activeMsAt(session, now) })
  return cost === null || toCents(cost) >= session.budgetCents
}

async function handleFailure(deps: LoopDeps, run: Run, { error, spanId }: { error: unknown; spanId: string }) {
  const failure = toModelFailure(error)
  // Aborted on purpose: whoever aborted closes the span.
  if (!failure || run.signal.aborted) return
  run.attempts += 1
  const again = failure.retryable && run.attempts < deps.limits.attemptsMax
  deps.log.warn({ sessionId: run.sessionId, attempt: run.attempts, again, err: error }, 'model request failed')
  await writeIfOpen(deps, run.sessionId, async (writer) => {
    writer.append(endOfSpan(spanId))
    const retry_status = { type: again ? ('retrying' as const) : ('exhausted' as const) }
    writer.append({ type: 'session.error', error: { ...failure.error, retry_status } as never })
    if (again) reschedule(writer)
    else await exhaust(writer)
  })
  if (!again) {
    run.attempts = 0
    return
  }
  const waitMs = failure.retryAfterMs ?? deps.limits.backoffMs * 2 ** (run.attempts - 1)
  await sleep(Math.min(waitMs, 60_000), undefined, { signal: run.signal }).catch(() => {})
}

/** Closes a request whose answer never came; it costs nothing. */
export function endOfSpan(spanId: string) {
  return {
    type: 'span.model_request_end',
    model_request_start_id: spanId,
    is_error: true,
    model_usage: noUsage,
  } as const
}

/** This turn is dead: what is queued is flushed, the next message starts anew. */
async function exhaust(writer: Writer): Promise<void> {
  for (const queued of readState(await writer.outline()).queued) writer.process(queued)
  goIdle(writer, { type: 'retries_exhausted' })
}

async function giveUpRounds(deps: LoopDeps, run: Run): Promise<void> {
  await writeIfOpen(deps, run.sessionId, async (writer) => {
    const message = `The agent loop reached its limit of ${deps.limits.roundsMax} model requests in one turn.`
    writer.append({
      type: 'session.error',
      error: { type: 'tool_use_limit_reached_error', message, retry_status: { type: 'exhausted' } },
    })
    await exhaust(writer)
  })
}

/** A single-agent session's thread pauses first, then the session, as the API does it. */
async function pauseAtBudget(deps: LoopDeps, run: Run, session: EmbSession): Promise<void> {
  const stop_reason = { type: 'budget_reached' } as const
  await writeIfOpen(deps, run.sessionId, async (writer) => {
    writer.append({
      type: 'session.thread_status_idle',
      agent_name: fromJson<SessionAgent>(session.agent).name,
      session_thread_id: session.id.replace(/^sesn_/, 'sthr_'),
      stop_reason,
      stop_details: null,
    })
    goIdle(writer, stop_reason)
  })
}

/** Live previews for the connections that asked for them; nothing of it is kept. */
function previewer(deps: LoopDeps, sessionId: string, messageId: string): (text: string, index: number) => void {
  let started = false
  return (text, index) => {
    if (!deps.bus.hasListeners(sessionId)) return
    if (!started) deps.bus.publish(sessionId, { type: 'event_start', event: { type: 'agent.message', id: messageId } })
    started = true
    const delta = { type: 'content_delta', index, content: { type: 'text', text } } as const
    deps.bus.publish(sessionId, { type: 'event_delta', event_id: messageId, delta })
  }
}
