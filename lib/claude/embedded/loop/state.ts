import type { Anthropic } from '@anthropic-ai/sdk'
import { type EventOf, internalOf, type SessionEvent, type StoredEvent, toEvent } from '../events/types.ts'

/** A tool call the model made, and how far it is. */
export type Call = {
  stored: StoredEvent
  eventId: string
  kind: 'sandbox' | 'mcp' | 'custom'
  name: string
  serverName: string | null
  input: Record<string, unknown>
  toolUseId: string
  permission: 'allow' | 'ask' | 'deny'
  /** What a person said about a call that asks. */
  verdict: 'allow' | 'deny' | null
  /** Sent to its MCP server already. */
  sent: boolean
  result: SessionEvent | null
}

/** Everything the agent loop decides on, read from the session's events alone. */
export type LoopState = {
  /** Every call since the session began, in order. */
  calls: Call[]
  /** Messages nobody has read yet. */
  queued: StoredEvent[]
  interrupt: StoredEvent | null
  /** A model request without an end: the process stopped in between. */
  openSpan: string | null
  /** The model has something to answer. */
  needsModel: boolean
  /** Model requests since the last message of a person. */
  rounds: number
  lastStop: Anthropic.StopReason | null
  lastStopDetails: EventOf<'session.status_idle'>['stop_details']
}

export function readState(events: readonly StoredEvent[]): LoopState {
  const calls = new Map<string, Call>()
  const state: LoopState = {
    calls: [],
    queued: [],
    interrupt: null,
    openSpan: null,
    needsModel: false,
    rounds: 0,
    lastStop: null,
    lastStopDetails: null,
  }
  for (const stored of events) {
    const event = toEvent(stored)
    const call = toCall(stored, event)
    if (call) calls.set(call.eventId, call)
    else readEvent(state, calls, { stored, event })
  }
  state.calls = [...calls.values()]
  // Results are something to answer once the last of a turn's calls has one.
  if (!state.needsModel && state.lastStop === 'tool_use') state.needsModel = openCalls(state).length === 0
  return state
}

/** Calls that have no result yet. */
export function openCalls(state: LoopState): Call[] {
  return state.calls.filter((call) => call.result === null)
}

/** Calls this server executes itself, right now. */
export function executable(state: LoopState): Call[] {
  return openCalls(state).filter((call) => call.kind === 'mcp' && isAllowed(call))
}

/** Calls a person said no to; this server answers them. */
export function denied(state: LoopState): Call[] {
  return openCalls(state).filter((call) => call.permission === 'deny' || call.verdict === 'deny')
}

/** Calls that somebody else has to answer or to confirm. */
export function blocking(state: LoopState): Call[] {
  return openCalls(state).filter(
    (call) => call.permission !== 'deny' && call.verdict !== 'deny' && !(call.kind === 'mcp' && isAllowed(call)),
  )
}

/** Whether the call may run: its policy allows it or a person did. */
export function isAllowed(call: Call): boolean {
  return call.permission === 'allow' || (call.permission === 'ask' && call.verdict === 'allow')
}

/** Whether a person still has to say yes or no. */
export function awaitsVerdict(call: Call): boolean {
  return call.result === null && call.permission === 'ask' && call.verdict === null
}

function toCall(stored: StoredEvent, event: SessionEvent): Call | null {
  if (
    event.type !== 'agent.tool_use' &&
    event.type !== 'agent.mcp_tool_use' &&
    event.type !== 'agent.custom_tool_use'
  ) {
    return null
  }
  const internal = internalOf(stored)
  const kinds = { 'agent.tool_use': 'sandbox', 'agent.mcp_tool_use': 'mcp', 'agent.custom_tool_use': 'custom' } as const
  return {
    stored,
    eventId: event.id,
    kind: kinds[event.type],
    name: event.name,
    serverName: event.type === 'agent.mcp_tool_use' ? event.mcp_server_name : null,
    input: event.input,
    toolUseId: internal.toolUseId ?? event.id,
    permission: event.type === 'agent.custom_tool_use' ? 'allow' : (event.evaluated_permission ?? 'allow'),
    verdict: null,
    sent: internal.sent ?? false,
    result: null,
  }
}

function readEvent(
  state: LoopState,
  calls: Map<string, Call>,
  { stored, event }: { stored: StoredEvent; event: SessionEvent },
): void {
  switch (event.type) {
    case 'user.message':
      if (stored.processedAt === null) state.queued.push(stored)
      else Object.assign(state, { needsModel: true, rounds: 0, lastStop: null })
      return
    case 'user.interrupt':
      if (stored.processedAt === null) state.interrupt = stored
      else Object.assign(state, { needsModel: false, lastStop: null })
      return
    case 'span.model_request_start':
      state.openSpan = event.id
      state.rounds += 1
      return
    case 'span.model_request_end': {
      state.openSpan = null
      const internal = internalOf(stored)
      if (!event.is_error) {
        state.lastStop = internal.stopReason ?? null
        state.lastStopDetails = internal.stopDetails ?? null
        state.needsModel = state.lastStop === 'pause_turn'
      }
      return
    }
    case 'user.tool_confirmation': {
      const call = calls.get(event.tool_use_id)
      if (call) call.verdict = event.result
      return
    }
    case 'user.tool_result':
    case 'agent.tool_result':
      return answer(calls, event.tool_use_id, event)
    case 'agent.mcp_tool_result':
      return answer(calls, event.mcp_tool_use_id, event)
    case 'user.custom_tool_result':
      return answer(calls, event.custom_tool_use_id, event)
    default:
  }
}

function answer(calls: Map<string, Call>, id: string, result: SessionEvent): void {
  const call = calls.get(id)
  if (call && call.result === null) call.result = result
}
