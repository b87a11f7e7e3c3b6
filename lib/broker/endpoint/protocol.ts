import type { IncomingHttpHeaders } from 'node:http'
import { classifyInboundRequest, SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server'
import { err, ok, type Result } from '#lib/core/result.ts'
import type { RuleId } from '#lib/guardrails/schema.ts'
import { isReadMethod, mirroredParam, type ReadMethod } from '../methods.ts'
import { isTaskMethod, type TaskMethod } from '../tasks/task-methods.ts'
import { decodeHeaderValue, paramDisagreement } from '../upstream/param-headers.ts'
import { type Answer, type Era, errorAnswer, type RpcId } from '../wire.ts'
import { modernVersion, PlainRequests } from './era.ts'

/** The headers of a request that MCP speaks of. */
export type McpHeaders = { version: string | undefined; method: string | undefined; name: string | undefined }

export type BrokeredMethod = 'tools/call' | 'tools/list' | 'subscriptions/listen' | TaskMethod | ReadMethod
export type RpcRequest = { era: Era; id: RpcId; method: BrokeredMethod; params: Record<string, unknown> }

const modernVersions: readonly string[] = [modernVersion]
const plainRequests = new PlainRequests()
const code = { invalidRequest: -32600, headerMismatch: -32020, unsupportedVersion: -32022 } as const

/** Whether a body is a request the broker answers itself; everything else is the SDK's to answer. */
export function isBrokered(
  body: unknown,
): body is { id: string | number; method: BrokeredMethod; params?: Record<string, unknown> } {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return false
  const { method, id } = body as { method?: unknown; id?: unknown }
  if (typeof id !== 'string' && typeof id !== 'number') return false
  if (method === 'tools/call' || method === 'tools/list' || method === 'subscriptions/listen') return true
  return isTaskMethod(method) || isReadMethod(method)
}

/**
 * Reads a brokered request in the era it claims. From 2026-07-28 on every request carries its envelope, and the headers that mirror the
 * body must be there and agree with it (-32020); before, the negotiated version's header must be a known one.
 */
export function readRequest(
  body: { id: string | number; method: BrokeredMethod; params?: Record<string, unknown> },
  headers: McpHeaders,
): Result<RpcRequest, Answer> {
  const { id, method, params = {} } = body
  const plain = plainRequests.eraOf(body, headers)
  if (plain === 'legacy') return ok({ era: 'legacy', id, method, params })
  if (plain === 'modern') return modern({ id, method, params }, headers)
  const outcome = classifyInboundRequest({
    httpMethod: 'POST',
    body,
    ...(headers.version === undefined ? {} : { protocolVersionHeader: headers.version }),
    ...(headers.method === undefined ? {} : { mcpMethodHeader: headers.method }),
    ...(headers.name === undefined ? {} : { mcpNameHeader: headers.name }),
  })
  if (outcome.kind === 'reject') {
    const { code, message, data } = outcome
    return err(errorAnswer(outcome.httpStatus, id, { code, message, data: { ...Object(data), rule: ruleOf(code) } }))
  }
  if (outcome.kind === 'legacy') {
    if (headers.version !== undefined && !SUPPORTED_PROTOCOL_VERSIONS.includes(headers.version)) {
      const message = `The MCP-Protocol-Version ${headers.version} is not supported.`
      const data = { rule: ruleOf(code.unsupportedVersion) }
      return err(errorAnswer(400, id, { code: code.invalidRequest, message, data }))
    }
    return ok({ era: 'legacy', id, method, params })
  }
  const { revision } = outcome.classification
  if (revision === undefined || !modernVersions.includes(revision)) {
    const rule = ruleOf(code.unsupportedVersion)
    const data = { supported: modernVersions, requested: revision ?? 'unknown', rule }
    return err(errorAnswer(400, id, { code: code.unsupportedVersion, message: 'Unsupported protocol version', data }))
  }
  plainRequests.remember(params['_meta'])
  return modern({ id, method, params }, headers)
}

function modern({ id, method, params }: Omit<RpcRequest, 'era'>, headers: McpHeaders): Result<RpcRequest, Answer> {
  const mismatch = headerMismatch({ method, params }, headers)
  if (mismatch) return err(errorAnswer(400, id, { code: code.headerMismatch, ...mismatch }))
  return ok({ era: 'modern', id, method, params })
}

/** Refuses a call whose `Mcp-Param-*` headers and arguments disagree; null when they agree or the tool declares none. */
export function paramMismatch(
  id: RpcId,
  inputSchema: unknown,
  { params, headers }: { params: Record<string, unknown>; headers: IncomingHttpHeaders },
): Answer | null {
  const found = paramDisagreement(inputSchema, params['arguments'], headers)
  if (!found) return null
  return errorAnswer(400, id, { code: code.headerMismatch, ...disagree(found.header, found.body) })
}

function ruleOf(of: number): RuleId {
  if (of === code.headerMismatch) return 'header_mismatch'
  return of === code.unsupportedVersion ? 'protocol_version_unsupported' : 'envelope_invalid'
}

function disagree(header: string, body: string) {
  return {
    message: `Bad Request: the request headers and body disagree: ${body}`,
    data: { mismatch: { header, body }, rule: ruleOf(code.headerMismatch) },
  }
}

function headerMismatch(
  { method, params }: { method: BrokeredMethod; params: Record<string, unknown> },
  headers: McpHeaders,
): ReturnType<typeof disagree> | null {
  if (headers.version === undefined) return disagree('(missing)', 'the required MCP-Protocol-Version header is absent')
  if (headers.method === undefined) return disagree('(missing)', 'the required Mcp-Method header is absent')
  const key = mirroredParam(method)
  const name = key === null ? undefined : params[key]
  if (typeof name !== 'string') return null
  if (headers.name === undefined) return disagree('(missing)', 'the required Mcp-Name header is absent')
  const decoded = decodeHeaderValue(headers.name.trim())
  if (decoded === name) return null
  return disagree(headers.name, `the body carries params.${key}="${name}" and the Mcp-Name header another value`)
}
