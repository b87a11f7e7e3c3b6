import { textOf } from '#lib/claude/rules.ts'
import type { ClaudeEvent } from '#lib/claude/schema.ts'
import { cutText, storableText } from '#lib/core/storable.ts'
import type { RunEventPayload } from '../schema.ts'

/** The longest text of one log entry; a page shows it, the whole of it stays at Claude. */
const textMax = 20_000

/** What an event of Claude looks like in the run log; null for those that say nothing to a reader. Usage is logged with its cost elsewhere. */
export function toLogPayload(event: ClaudeEvent): RunEventPayload | null {
  switch (event.type) {
    case 'user.message':
      return { kind: 'message', payload: { role: 'user', ...clip(textOf(event)) } }
    case 'agent.message':
      return { kind: 'message', payload: { role: 'agent', ...clip(textOf(event)) } }
    case 'system.message':
      return { kind: 'message', payload: { role: 'system', ...clip(textOf(event)) } }
    case 'agent.thinking':
      return { kind: 'thinking', payload: {} }
    case 'agent.tool_use':
      return { kind: 'tool_call', payload: { ...callOf(event), source: 'sandbox' } }
    case 'agent.mcp_tool_use':
      return { kind: 'tool_call', payload: { ...callOf(event), source: 'mcp', serverId: event.mcp_server_name } }
    case 'agent.custom_tool_use':
      return { kind: 'tool_call', payload: { ...callOf(event), source: 'custom' } }
    case 'agent.tool_result':
    case 'user.tool_result':
      return resultOf(event.tool_use_id, event)
    case 'agent.mcp_tool_result':
      return resultOf(event.mcp_tool_use_id, event)
    case 'user.custom_tool_result':
      return resultOf(event.custom_tool_use_id, event)
    case 'session.error':
      return {
        kind: 'error',
        payload: { message: clip(event.error.message).text, retry: event.error.retry_status.type },
      }
    case 'session.status_rescheduled':
      return { kind: 'status', payload: { status: 'rescheduled' } }
    case 'session.status_terminated':
      return { kind: 'status', payload: { status: 'terminated' } }
    case 'session.deleted':
      return { kind: 'status', payload: { status: 'deleted' } }
    case 'user.interrupt':
      return { kind: 'note', payload: { text: 'The run was interrupted.' } }
    case 'agent.thread_context_compacted':
      return { kind: 'note', payload: { text: 'The conversation was summarized to make room.' } }
    default:
      return null
  }
}

/** Repeated deliveries have the same key. An interrupt may come without an id. */
export function keyOfEvent(event: ClaudeEvent): string {
  return event.id || `${event.type}@${event.processed_at ?? ''}`
}

export function timeOfEvent(event: ClaudeEvent): Date {
  return event.processed_at ? new Date(event.processed_at) : new Date()
}

/** Cuts to the length of a log entry and takes out what looks like a signed token: the log is read by more people than a session. */
export function clip(text: string): { text: string; truncated?: true } {
  const clean = storableText(text).replace(/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}/g, '[token removed]')
  return clean.length <= textMax ? { text: clean } : { text: cutText(clean, textMax), truncated: true }
}

function callOf(event: { id: string; name: string; input: Record<string, unknown> }) {
  const { text, truncated } = clip(JSON.stringify(event.input))
  // Input that had to be cut is shown as the text it is, no longer as JSON.
  return truncated
    ? { callId: event.id, name: event.name, input: text, truncated }
    : { callId: event.id, name: event.name, input: JSON.parse(text) as unknown }
}

function resultOf(
  callId: string,
  event: { content?: readonly { type: string }[] | undefined; is_error?: boolean | null | undefined },
): RunEventPayload {
  return { kind: 'tool_result', payload: { callId, isError: event.is_error === true, ...clip(textOf(event)) } }
}
