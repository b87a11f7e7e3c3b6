import type { EmbSession } from '#lib/db/generated/client.ts'
import { ApiError, invalid } from '../http/errors.ts'
import type { Principal } from '../http/auth.ts'
import { fromJson } from '../json.ts'
import { awaitsVerdict, blocking, type Call, isAllowed, type LoopState, readState } from '../loop/state.ts'
import type { StopReason } from '../sessions/transitions.ts'
import { ensureWork } from '../work/queue.ts'
import type { Journal, Writer } from './journal.ts'
import type { InputEvent } from './schema.ts'
import type { SessionEvent } from './types.ts'

export type Sent = { events: SessionEvent[]; interrupts: boolean }

/** Accepts all events of a request or none. */
export async function sendEvents(
  journal: Journal,
  sessionId: string,
  { inputs, principal }: { inputs: readonly InputEvent[]; principal: Principal },
): Promise<Sent> {
  if (principal.kind !== 'api') refuseForWorkers(inputs, principal)
  return await journal.write(sessionId, async (writer) => {
    const { session } = writer
    if (session.status === 'terminated')
      throw invalid(`The session ${sessionId} is terminated, so it accepts no events.`)
    const state = readState(await writer.outline())
    const atBudget = fromJson<StopReason | null>(session.stopReason)?.type === 'budget_reached'
    const events: SessionEvent[] = []
    for (const input of inputs) {
      // A session that is paused at its budget is stopped already.
      if (input.type === 'user.interrupt' && atBudget) continue
      if (input.type === 'user.message' && atBudget) throw atBudgetError()
      events.push(accept(writer, state, input))
    }
    await callWorker(writer, inputs)
    announceRemainder(writer, session, state)
    return { events, interrupts: inputs.some((input) => input.type === 'user.interrupt') }
  })
}

function accept(writer: Writer, state: LoopState, input: InputEvent): SessionEvent {
  switch (input.type) {
    case 'user.message':
      return writer.append(input, { queued: true })
    case 'user.interrupt':
      return writer.append({ type: 'user.interrupt' }, { queued: true })
    case 'user.tool_confirmation': {
      if (input.deny_message && input.result === 'allow') throw invalid('deny_message is only allowed with deny.')
      const call = find(state, input.tool_use_id, awaitsVerdict, 'does not wait for a confirmation')
      call.verdict = input.result
      return writer.append(input)
    }
    case 'user.tool_result': {
      const waits = (call: Call): boolean => call.kind === 'sandbox' && isAllowed(call)
      const call = find(state, input.tool_use_id, waits, 'does not wait for a user.tool_result')
      call.result = writer.append(input)
      return call.result
    }
    case 'user.custom_tool_result': {
      const waits = (call: Call): boolean => call.kind === 'custom'
      const call = find(state, input.custom_tool_use_id, waits, 'does not wait for a user.custom_tool_result')
      call.result = writer.append(input)
      return call.result
    }
  }
}

function find(state: LoopState, id: string, fits: (call: Call) => boolean, otherwise: string): Call {
  const call = state.calls.find((candidate) => candidate.eventId === id && candidate.result === null)
  if (!call || !fits(call)) throw invalid(`The tool use ${id} ${otherwise}.`)
  return call
}

/** Resolving fewer than all of what an idle session waits for names the rest again. */
function announceRemainder(writer: Writer, session: EmbSession, state: LoopState): void {
  const reason = fromJson<StopReason | null>(session.stopReason)
  if (session.status !== 'idle' || reason?.type !== 'requires_action') return
  const rest = blocking(state).map((call) => call.eventId)
  if (rest.length === 0 || rest.length === reason.event_ids.length) return
  const next = { type: 'requires_action' as const, event_ids: rest }
  writer.append({ type: 'session.status_idle', stop_reason: next, stop_details: null })
  writer.set({ stopReason: next })
}

/** A message to a session whose worker has left long ago calls one again, if the session ever had one. */
async function callWorker(writer: Writer, inputs: readonly InputEvent[]): Promise<void> {
  const starts = inputs.some((input) => input.type === 'user.message' || input.type === 'user.interrupt')
  if (!starts) return
  const before = await writer.tx.embWork.count({ where: { sessionId: writer.session.id } })
  if (before > 0) await ensureWork(writer.tx, writer.session, writer.now)
}

/** A worker answers tool calls and does nothing else; one that lost its item not even that. */
function refuseForWorkers(inputs: readonly InputEvent[], principal: Principal): void {
  if (principal.kind === 'item' && principal.stale) throw new ApiError(403, 'Another worker holds this work item.')
  if (inputs.some((input) => input.type !== 'user.tool_result' && input.type !== 'user.custom_tool_result')) {
    throw new ApiError(403, 'A worker may only send user.tool_result and user.custom_tool_result.')
  }
}

function atBudgetError(): ApiError {
  return invalid(
    'The session is paused at its budget. It accepts only user.tool_confirmation, user.tool_result, user.custom_tool_result and user.interrupt; raise or remove the budget to go on.',
  )
}
