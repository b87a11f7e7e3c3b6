import { isRecord } from '#lib/core/is-record.ts'
import type { StdioRule } from '#lib/core/stdio-ticket.ts'

/** JSON-RPC 2.0 as it is on the wire. What comes from a server is data of a stranger: only what is checked here is relied on. */
export type Message = Record<string, unknown>

export const errorCode = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  unsupportedVersion: -32022,
} as const

/** A request was not answered by the server; `message` is safe to show. */
export class StdioFailure extends Error {
  override readonly name = 'StdioFailure'
  readonly rule: StdioRule
  readonly retryAfterMs: number | null

  constructor(rule: StdioRule, message: string, retryAfterMs: number | null = null) {
    super(message)
    this.rule = rule
    this.retryAfterMs = retryAfterMs
  }
}

export type MessageKind = 'request' | 'notification' | 'response'

/** Null: no JSON-RPC message. */
export function kindOf(value: unknown): MessageKind | null {
  if (!isRecord(value) || value['jsonrpc'] !== '2.0') return null
  const { id, method } = value
  const hasId = typeof id === 'string' || typeof id === 'number'
  if (typeof method === 'string') return hasId ? 'request' : id === undefined ? 'notification' : null
  if (!hasId) return null
  return isRecord(value['result']) !== isRecord(value['error']) ? 'response' : null
}

export function metaOf(message: Message): Message {
  const params = isRecord(message['params']) ? message['params'] : {}
  return isRecord(params['_meta']) ? params['_meta'] : {}
}

/** A copy whose parameters have these entries of `_meta` instead of the ones it had. */
export function withMeta(message: Message, entries: Message): Message {
  const params = isRecord(message['params']) ? message['params'] : {}
  return { ...message, params: { ...params, _meta: { ...metaOf(message), ...entries } } }
}

export function errorMessage(id: unknown, error: { code: number; message: string; data?: unknown }): Message {
  return { jsonrpc: '2.0', id: id ?? null, error }
}

/** Which rule it was is not said here, where a program could say it, too. */
export function failureMessage(id: unknown, failure: StdioFailure, stderr: readonly string[] | null): Message {
  const { message, retryAfterMs } = failure
  const data = { ...(retryAfterMs === null ? {} : { retryAfterMs }), ...(stderr && { stderr }) }
  return errorMessage(id, { code: errorCode.internal, message, data })
}
