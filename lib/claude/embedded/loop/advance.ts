import type { EmbSession } from '#lib/db/generated/client.ts'
import { readOutline, type Writer } from '../events/journal.ts'
import { fromJson } from '../json.ts'
import { goIdle, startRunning, type StopReason } from '../sessions/transitions.ts'
import { ensureWork } from '../work/queue.ts'
import { runMcpCalls } from './calls.ts'
import { type LoopDeps, type Run, writeIfOpen } from './deps.ts'
import { closingResult, refusedResult } from './results.ts'
import { blocking, denied, executable, isAllowed, type LoopState, openCalls, readState } from './state.ts'
import { endOfSpan, isOverBudget, requestTurn } from './turn.ts'

type Step = 'again' | 'wait'
type Facts = { session: EmbSession; state: LoopState }

/**
 * Takes a session one step further. Every step reads the session anew and decides from its events alone, so it does not matter which
 * process took the step before, or whether it finished it.
 */
export async function advance(deps: LoopDeps, run: Run): Promise<Step> {
  const session = await deps.db.embSession.findUnique({ where: { id: run.sessionId } })
  if (!session || session.status === 'terminated') return 'wait'
  const facts = { session, state: readState(await readOutline(deps.db, run.sessionId)) }
  if (facts.state.interrupt) return await write(deps, run, interruptTurn)
  return session.status === 'idle' ? await leaveIdle(deps, run, facts) : await work(deps, run, facts)
}

/** Idle sessions move when their calls have been answered, their budget was raised or somebody wrote to them. */
async function leaveIdle(deps: LoopDeps, run: Run, { session, state }: Facts): Promise<Step> {
  const reason = fromJson<StopReason | null>(session.stopReason)?.type
  if (openCalls(state).length > 0) {
    const moves = executable(state).length > 0 || denied(state).length > 0
    return moves ? await write(deps, run, async (writer) => startRunning(writer)) : 'wait'
  }
  if (reason === 'budget_reached' && isOverBudget(session, deps.now())) return 'wait'
  const resumes = reason === 'requires_action' || reason === 'budget_reached'
  if (!resumes && state.queued.length === 0) return 'wait'
  run.retryServers = !resumes
  return await write(deps, run, async (writer) => startRunning(writer))
}

async function work(deps: LoopDeps, run: Run, facts: Facts): Promise<Step> {
  const { session, state } = facts
  const { openSpan } = state
  if (openSpan) return await write(deps, run, async (writer) => void writer.append(endOfSpan(openSpan)))
  if (session.status === 'rescheduling') return await write(deps, run, async (writer) => startRunning(writer))
  if (denied(state).length > 0) return await write(deps, run, answerDenied)
  const calls = executable(state)
  if (calls.length > 0) {
    await runMcpCalls(deps, run, { session, calls })
    return 'again'
  }
  if (blocking(state).length > 0) return await write(deps, run, async (writer) => await waitForAction(writer, deps))
  if (state.queued.length > 0) return await write(deps, run, async (writer) => state.queued.forEach(writer.process))
  if (state.needsModel) {
    await requestTurn(deps, run, facts)
    return 'again'
  }
  const stop: StopReason = state.lastStop === 'refusal' ? { type: 'refusal' } : { type: 'end_turn' }
  return await write(deps, run, async (writer) => goIdle(writer, stop, { stopDetails: state.lastStopDetails }))
}

/** Idle until a worker, our harness or a person has answered; a worker is called if one is needed. */
async function waitForAction(writer: Writer, deps: Pick<LoopDeps, 'limits'>): Promise<void> {
  const waiting = blocking(readState(await writer.outline()))
  if (waiting.length === 0) return
  const inSandbox = waiting.some((call) => call.kind === 'sandbox' && isAllowed(call))
  if (inSandbox) await ensureWork(writer.tx, writer.session, writer.now)
  const actionDeadline = inSandbox ? new Date(writer.now.getTime() + deps.limits.sandboxResultMs) : null
  goIdle(writer, { type: 'requires_action', event_ids: waiting.map((call) => call.eventId) }, { actionDeadline })
}

async function answerDenied(writer: Writer): Promise<void> {
  const events = await writer.outline()
  for (const call of denied(readState(events))) {
    const confirmation = events.find(
      (event) =>
        event.type === 'user.tool_confirmation' &&
        fromJson<{ tool_use_id: string }>(event.payload).tool_use_id === call.eventId,
    )
    const said = confirmation ? fromJson<{ deny_message?: string | null }>(confirmation.payload).deny_message : null
    writer.append(refusedResult(call, said || 'A person denied this call.'))
  }
}

/** Ends the turn where it is: open calls are answered as interrupted, the session is idle. On an idle session it changes nothing. */
async function interruptTurn(writer: Writer): Promise<void> {
  const state = readState(await writer.outline())
  if (!state.interrupt) return
  writer.process(state.interrupt)
  const open = openCalls(state)
  if (writer.session.status === 'idle' && open.length === 0) return
  if (state.openSpan) writer.append(endOfSpan(state.openSpan))
  for (const call of open) writer.append(closingResult(call, 'The call was interrupted.'))
  goIdle(writer, { type: 'end_turn' })
}

async function write(deps: LoopDeps, run: Run, change: (writer: Writer) => Promise<void>): Promise<Step> {
  await writeIfOpen(deps, run.sessionId, change)
  return 'again'
}
