import type { Draft } from '../events/types.ts'
import type { ResultBlock } from './mcp.ts'
import type { Call } from './state.ts'

/**
 * The event that answers a call nobody else will answer any more. For a sandbox call it is the event a worker would have sent: a worker
 * that attaches later recognises the call as answered by it and does not run it again.
 */
export function closingResult(call: Call, text: string): Draft {
  const common = { is_error: true, content: textBlock(text) }
  if (call.kind === 'mcp') return { type: 'agent.mcp_tool_result', mcp_tool_use_id: call.eventId, ...common }
  if (call.kind === 'custom') return { type: 'user.custom_tool_result', custom_tool_use_id: call.eventId, ...common }
  return { type: 'user.tool_result', tool_use_id: call.eventId, ...common }
}

/** The answer to a call that was refused before it ran: no worker ever saw it as its own. */
export function refusedResult(call: Pick<Call, 'kind' | 'eventId'>, text: string): Draft {
  const common = { is_error: true, content: textBlock(text) }
  if (call.kind === 'mcp') return { type: 'agent.mcp_tool_result', mcp_tool_use_id: call.eventId, ...common }
  return { type: 'agent.tool_result', tool_use_id: call.eventId, ...common }
}

export function textBlock(text: string): ResultBlock[] {
  return [{ type: 'text', text }]
}
