import type { Anthropic } from '@anthropic-ai/sdk'
import { type EventOf, internalOf, type StoredEvent, toEvent } from '../events/types.ts'
import { type Call, readState } from './state.ts'

type Message = Anthropic.MessageParam
type Content = Anthropic.ContentBlockParam
type ResultContent = Exclude<NonNullable<Anthropic.ToolResultBlockParam['content']>, string>
type EventBlock = NonNullable<EventOf<'user.tool_result'>['content']>[number]

/**
 * The conversation as the Messages API wants it, rebuilt from the events alone: what the model said goes back block for block, every
 * tool call is followed by its result, and what people said since comes after the results.
 */
export function toMessages(events: readonly StoredEvent[]): Message[] {
  const results = new Map(readState(events).calls.map((call) => [call.toolUseId, call]))
  const messages: Message[] = []
  let unanswered: string[] = []
  let said: Content[] = []

  function flushUser(): void {
    const content: Content[] = [...unanswered.map((id) => toToolResult(id, results.get(id))), ...said]
    if (content.length > 0) messages.push({ role: 'user', content })
    unanswered = []
    said = []
  }

  for (const stored of events) {
    if (stored.processedAt === null) continue
    const event = toEvent(stored)
    if (event.type === 'user.message') said.push(...event.content.flatMap(toContent))
    const content = event.type === 'span.model_request_end' ? internalOf(stored).content : undefined
    if (!content || content.length === 0) continue
    flushUser()
    messages.push({ role: 'assistant', content })
    unanswered = content.flatMap((block) => (block.type === 'tool_use' ? [block.id] : []))
  }
  flushUser()
  return messages
}

function toToolResult(toolUseId: string, call: Call | undefined): Anthropic.ToolResultBlockParam {
  const result = call?.result
  if (!result || !('content' in result)) {
    const text = 'The call was not executed.'
    return { type: 'tool_result', tool_use_id: toolUseId, is_error: true, content: [{ type: 'text', text }] }
  }
  const blocks = (result.content ?? []) as EventBlock[]
  const isError = 'is_error' in result && result.is_error === true
  return {
    type: 'tool_result',
    tool_use_id: toolUseId,
    ...(isError ? { is_error: true } : {}),
    content: blocks.flatMap((block): ResultContent => toContent(block) as ResultContent),
  }
}

/** Files by id live in an API this server does not have; the model is told so instead of getting nothing. */
function toContent(block: { type: string }): Content[] {
  const content = block as EventBlock
  switch (content.type) {
    case 'text':
      return content.text === '' ? [] : [{ type: 'text', text: content.text }]
    case 'image':
      return content.source.type === 'file' ? [fileNote] : [{ type: 'image', source: content.source } as Content]
    case 'document':
      if (content.source.type === 'file') return [fileNote]
      return [
        {
          type: 'document',
          source: content.source,
          ...(content.title ? { title: content.title } : {}),
          ...(content.context ? { context: content.context } : {}),
        } as Content,
      ]
    case 'search_result':
      return [content]
    default:
      return []
  }
}

const fileNote: Content = { type: 'text', text: '[A file by id was attached here; this server cannot read files.]' }
