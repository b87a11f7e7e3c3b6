import type { ClaudeEvent, ClaudeTool, ClaudeUsage } from './schema.ts'

/** The built-in tools that run in our sandbox, by the names the model sees. */
export const sandboxToolNames = ['bash', 'read', 'write', 'edit', 'glob', 'grep'] as const
export type SandboxToolName = (typeof sandboxToolNames)[number]

export type ToolPolicy = 'always_allow' | 'always_ask'

/**
 * The built-in toolset with exactly these tools. A bare toolset would mean every tool, always allowed, so the default is always
 * disabled and each tool is named.
 */
export function builtInTools(
  tools: readonly SandboxToolName[],
  options: { ask?: readonly SandboxToolName[] } = {},
): ClaudeTool {
  return {
    type: 'agent_toolset_20260401',
    default_config: { enabled: false, permission_policy: { type: 'always_ask' } },
    configs: tools.map((name) => ({
      name,
      enabled: true,
      permission_policy: { type: options.ask?.includes(name) ? 'always_ask' : 'always_allow' },
    })),
  }
}

/**
 * All tools of one MCP server. The broker decides per call, so its answer counts and Claude need not ask: without a policy Claude's own
 * default for MCP toolsets is `always_ask`.
 */
export function mcpTools(serverName: string, policy: ToolPolicy = 'always_allow'): ClaudeTool {
  return {
    type: 'mcp_toolset',
    mcp_server_name: serverName,
    default_config: { enabled: true, permission_policy: { type: policy } },
    configs: [],
  }
}

/** A tool our harness answers itself; the session waits for `user.custom_tool_result`. */
export function customTool(tool: {
  name: string
  description: string
  properties: Record<string, unknown>
  required: readonly string[]
}): ClaudeTool {
  return {
    type: 'custom',
    name: tool.name,
    description: tool.description,
    input_schema: { type: 'object', properties: tool.properties, required: [...tool.required] },
  }
}

/** A tool call that a session waits for, and who has to answer it. */
export type PendingAction = {
  eventId: string
  toolName: string
  input: Readonly<Record<string, unknown>>
  /** `sandbox`: a worker runs it now, nobody needs to do anything · `confirmation`: a person must allow or deny · `custom`: our harness answers. */
  waitsFor: 'sandbox' | 'confirmation' | 'custom'
  mcpServerName: string | null
}

/**
 * What a session that is idle with `requires_action` waits for. On self-hosted environments a running sandbox call is
 * `requires_action` too, so this tells a call in progress from one that needs a person.
 */
export function pendingActions(events: readonly ClaudeEvent[]): PendingAction[] {
  const idle = events.findLast((event) => event.type === 'session.status_idle')
  if (idle?.stop_reason.type !== 'requires_action') return []
  const waiting = new Set(idle.stop_reason.event_ids)
  const allowed = new Set(
    events.flatMap((event) =>
      event.type === 'user.tool_confirmation' && event.result === 'allow' ? [event.tool_use_id] : [],
    ),
  )
  const answered = new Set(events.flatMap((event) => answeredCall(event) ?? []))
  return events.flatMap((event) => {
    const action = toAction(event, allowed)
    return action && waiting.has(action.eventId) && !answered.has(action.eventId) ? [action] : []
  })
}

/** The id of the tool use event a result belongs to, if the event is a result. */
export function answeredCall(event: ClaudeEvent): string | null {
  if (event.type === 'user.tool_result' || event.type === 'agent.tool_result') return event.tool_use_id
  if (event.type === 'user.custom_tool_result') return event.custom_tool_use_id
  if (event.type === 'agent.mcp_tool_result') return event.mcp_tool_use_id
  return null
}

/** The text blocks of a message or of a tool's result, joined by line breaks. */
export function textOf(event: { content?: readonly { type: string }[] | undefined }): string {
  return (event.content ?? [])
    .flatMap((block) =>
      block.type === 'text' && 'text' in block && typeof block.text === 'string' ? [block.text] : [],
    )
    .join('\n')
}

/** Usage of one model request, from its end event; zero for a request that failed before it was metered. */
export function usageOfRequest(
  event: Extract<ClaudeEvent, { type: 'span.model_request_end' }>,
): Omit<ClaudeUsage, 'activeMs' | 'listCostMicros'> {
  return {
    inputTokens: event.model_usage.input_tokens,
    outputTokens: event.model_usage.output_tokens,
    cacheReadTokens: event.model_usage.cache_read_input_tokens,
    cacheWriteTokens: event.model_usage.cache_creation_input_tokens,
  }
}

function toAction(event: ClaudeEvent, allowed: ReadonlySet<string>): PendingAction | null {
  const common = { eventId: event.id, mcpServerName: null }
  if (event.type === 'agent.custom_tool_use') {
    return { ...common, toolName: event.name, input: event.input, waitsFor: 'custom' }
  }
  if (event.type !== 'agent.tool_use' && event.type !== 'agent.mcp_tool_use') return null
  const asks = event.evaluated_permission === 'ask' && !allowed.has(event.id)
  return {
    ...common,
    toolName: event.name,
    input: event.input,
    waitsFor: asks ? 'confirmation' : 'sandbox',
    mcpServerName: event.type === 'agent.mcp_tool_use' ? event.mcp_server_name : null,
  }
}
