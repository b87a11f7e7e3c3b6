import {
  Anthropic,
  APIConnectionError,
  APIConnectionTimeoutError,
  APIError,
  APIUserAbortError,
} from '@anthropic-ai/sdk'
import type { EventOf } from '../events/types.ts'

export type ModelRequest = {
  model: string
  effort: 'low' | 'medium' | 'high' | 'xhigh' | 'max' | null
  system: string | null
  messages: Anthropic.MessageParam[]
  tools: Anthropic.Tool[]
  signal: AbortSignal
  /** The n-th text block of the answer grew. */
  onText: (text: string, index: number) => void
}

export type Model = { request(request: ModelRequest): Promise<Anthropic.Message> }

type Options = { baseUrl: string; apiKey: string; deadlineMs: number; maxTokens: number }

/** The Messages API, Anthropic's or the scripted one, streamed so that a long answer is not a silent connection. */
export function createModel(options: Options): Model {
  const client = new Anthropic({
    baseURL: options.baseUrl,
    apiKey: options.apiKey,
    authToken: null,
    maxRetries: 0,
    timeout: options.deadlineMs,
    logLevel: 'off',
  })
  return {
    async request({ model, effort, system, messages, tools, signal, onText }) {
      const deadline = AbortSignal.timeout(options.deadlineMs)
      const stream = client.messages.stream(
        {
          model,
          max_tokens: options.maxTokens,
          messages: withCacheMark(messages),
          ...(system ? { system: [{ type: 'text', text: system, cache_control: { type: 'ephemeral' } }] } : {}),
          ...(tools.length > 0 ? { tools } : {}),
          ...(effort ? { output_config: { effort } } : {}),
        },
        { signal: AbortSignal.any([signal, deadline]) },
      )
      const textIndexes: number[] = []
      stream.on('streamEvent', (event) => {
        if (event.type === 'content_block_start' && event.content_block.type === 'text') textIndexes.push(event.index)
        if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') {
          onText(event.delta.text, textIndexes.indexOf(event.index))
        }
      })
      try {
        return await stream.finalMessage()
      } catch (error) {
        if (deadline.aborted && !signal.aborted)
          throw new APIConnectionTimeoutError({ message: 'The model request took too long.' })
        throw error
      }
    },
  }
}

/** Long conversations are sent again and again; the mark lets Anthropic's cache charge most of it at a tenth. */
function withCacheMark(messages: readonly Anthropic.MessageParam[]): Anthropic.MessageParam[] {
  const last = messages.at(-1)
  if (last?.role !== 'user' || typeof last.content === 'string') return [...messages]
  const content = last.content.map((block, position) =>
    position === last.content.length - 1 && (block.type === 'text' || block.type === 'tool_result')
      ? { ...block, cache_control: { type: 'ephemeral' as const } }
      : block,
  )
  return [...messages.slice(0, -1), { ...last, content }]
}

type SessionError = EventOf<'session.error'>['error']
type Failure = { error: Omit<SessionError, 'retry_status'>; retryable: boolean; retryAfterMs: number | null }

/** A failed model request as the session's error, and whether trying again may help; null when it was aborted on purpose. */
export function toModelFailure(error: unknown): Failure | null {
  if (error instanceof APIUserAbortError) return null
  const message = error instanceof APIError ? (error.apiMessage ?? error.message) : 'The model request failed.'
  const status = error instanceof APIError && typeof error.status === 'number' ? error.status : null
  const retryAfterMs = error instanceof APIError ? readRetryAfter(error.headers) : null
  if (status === 429) return { error: { type: 'model_rate_limited_error', message }, retryable: true, retryAfterMs }
  if (status === 529 || typeOf(error) === 'overloaded_error')
    return { error: { type: 'model_overloaded_error', message }, retryable: true, retryAfterMs }
  if (status === 402 || typeOf(error) === 'billing_error') {
    return { error: { type: 'billing_error', message }, retryable: false, retryAfterMs: null }
  }
  const passing = error instanceof APIConnectionError || status === null || status === 408 || status >= 500
  return { error: { type: 'model_request_failed_error', message }, retryable: passing, retryAfterMs }
}

function readRetryAfter(headers: Headers | undefined): number | null {
  const seconds = Number(headers?.get('retry-after') ?? '')
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : null
}

function typeOf(error: unknown): string | null {
  return error instanceof APIError ? error.type : null
}
