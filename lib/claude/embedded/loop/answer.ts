import type { Anthropic } from '@anthropic-ai/sdk'
import type { Writer } from '../events/journal.ts'
import { listCostMicros } from '../list-prices.ts'
import type { StopDetails } from '../sessions/transitions.ts'
import { ensureWork } from '../work/queue.ts'
import { refusedResult } from './results.ts'
import { readState } from './state.ts'
import type { OfferedTool, Toolset } from './toolset.ts'

export const noUsage = {
  input_tokens: 0,
  output_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
} as const

type Answer = { message: Anthropic.Message; messageId: string; spanId: string; toolset: Toolset; model: string }
type ToolUse = Anthropic.ToolUseBlock

/**
 * Everything an answer brings is written at once: its text, its tool calls and the end of its span with the usage. So after a crash the
 * request is either not answered or completely there, and no call is emitted twice. What comes after an interrupt is metered but dropped.
 */
export async function commitAnswer(writer: Writer, answer: Answer): Promise<void> {
  const { message, spanId, model } = answer
  const interrupted = readState(await writer.outline()).interrupt !== null
  const content = interrupted ? [] : usable(message)
  if (!interrupted) appendText(writer, content, answer.messageId)
  const uses = content.filter((block) => block.type === 'tool_use')
  const kinds = uses.map((use) => appendToolUse(writer, use, answer.toolset))
  writer.append(
    {
      type: 'span.model_request_end',
      model_request_start_id: spanId,
      is_error: interrupted,
      model_usage: {
        input_tokens: message.usage.input_tokens,
        output_tokens: message.usage.output_tokens,
        cache_read_input_tokens: message.usage.cache_read_input_tokens ?? 0,
        cache_creation_input_tokens: message.usage.cache_creation_input_tokens ?? 0,
      },
    },
    {
      internal: {
        content,
        stopReason: stopOf(message, uses.length),
        stopDetails: detailsOf(message),
      },
    },
  )
  meter(writer, message.usage, model)
  if (kinds.includes('sandbox')) await ensureWork(writer.tx, writer.session, writer.now)
}

/** A call that was cut off by the token limit has no complete input, so it is not a call. */
function usable(message: Anthropic.Message): Anthropic.ContentBlock[] {
  return message.content.filter(
    (block) =>
      !(block.type === 'text' && block.text === '') &&
      !(block.type === 'tool_use' && message.stop_reason === 'max_tokens'),
  )
}

function stopOf(message: Anthropic.Message, toolUses: number): Anthropic.StopReason | null {
  return toolUses > 0 ? 'tool_use' : message.stop_reason === 'tool_use' ? 'end_turn' : message.stop_reason
}

function appendText(writer: Writer, content: readonly Anthropic.ContentBlock[], messageId: string): void {
  if (content.some((block) => block.type === 'thinking' || block.type === 'redacted_thinking')) {
    writer.append({ type: 'agent.thinking' })
  }
  const text = content.flatMap((block) => (block.type === 'text' ? [{ type: 'text' as const, text: block.text }] : []))
  if (text.length > 0) writer.append({ type: 'agent.message', content: text }, { id: messageId })
}

/** The event of a call, by where the call goes. A tool that is not offered is refused on the spot and the model is told. */
function appendToolUse(writer: Writer, use: ToolUse, toolset: Toolset): OfferedTool['kind'] | 'refused' {
  const tool = toolset.tools.find(({ modelName }) => modelName === use.name)
  const input = (use.input ?? {}) as Record<string, unknown>
  const internal = { toolUseId: use.id }
  if (!tool) {
    const refused = { type: 'agent.tool_use', name: use.name, input, evaluated_permission: 'deny' } as const
    const { id } = writer.append(refused, { internal })
    writer.append(
      refusedResult({ kind: 'sandbox', eventId: id }, `The tool ${use.name} is not available in this session.`),
    )
    return 'refused'
  }
  if (tool.kind === 'custom') {
    writer.append({ type: 'agent.custom_tool_use', name: tool.name, input }, { internal })
    return tool.kind
  }
  const permission = {
    evaluated_permission: tool.policy === 'always_allow' ? ('allow' as const) : ('ask' as const),
    evaluation: { type: tool.policy },
  }
  if (tool.kind === 'sandbox') {
    writer.append({ type: 'agent.tool_use', name: tool.name, input, ...permission }, { internal })
  } else {
    const mcp_server_name = tool.serverName ?? ''
    writer.append({ type: 'agent.mcp_tool_use', name: tool.name, mcp_server_name, input, ...permission }, { internal })
  }
  return tool.kind
}

function meter({ session, set }: Writer, usage: Anthropic.Usage, model: string): void {
  const tokens = {
    input: usage.input_tokens,
    output: usage.output_tokens,
    cacheRead: usage.cache_read_input_tokens ?? 0,
    cacheWrite: usage.cache_creation_input_tokens ?? 0,
  }
  const cost = listCostMicros(model, tokens)
  const before = session.modelCostMicros
  set({
    inputTokens: { increment: tokens.input },
    outputTokens: { increment: tokens.output },
    cacheReadTokens: { increment: tokens.cacheRead },
    cacheWriteTokens: { increment: tokens.cacheWrite },
    modelCostMicros: cost === null || before === null ? null : before + cost,
  })
}

function detailsOf(message: Anthropic.Message): StopDetails {
  const details = message.stop_details
  return details ? { type: 'refusal' as const, category: details.category, explanation: details.explanation } : null
}
