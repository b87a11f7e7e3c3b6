import type { ToolFacts } from '#lib/guardrails/rules/facts.ts'
import { isOfEra, isTaskMethod, type TaskMethod } from './tasks/task-methods.ts'
import type { UpstreamRequest } from './upstream/request.ts'
import type { BrokeredTool } from './view/view.ts'
import type { Era } from './wire.ts'

/**
 * Methods that only read and are passed on to the server. `name`: the parameter that the Mcp-Name header mirrors; `list`: what a list is
 * called in its result; `cached`: whether the result says how long it may be kept.
 */
const readMethods = {
  'resources/list': { name: null, list: 'resources', cached: true },
  'resources/templates/list': { name: null, list: 'resourceTemplates', cached: true },
  'resources/read': { name: 'uri', list: null, cached: true },
  'prompts/list': { name: null, list: 'prompts', cached: true },
  'prompts/get': { name: 'name', list: null, cached: false },
  'completion/complete': { name: null, list: null, cached: false },
  'logging/setLevel': { name: null, list: null, cached: false },
  'resources/subscribe': { name: 'uri', list: null, cached: false },
  'resources/unsubscribe': { name: 'uri', list: null, cached: false },
} as const
export type ReadMethod = keyof typeof readMethods
/** Those of them that list something. */
export type ListMethod = {
  [Method in ReadMethod]: (typeof readMethods)[Method]['list'] extends null ? never : Method
}[ReadMethod]

export function isReadMethod(method: unknown): method is ReadMethod {
  return typeof method === 'string' && Object.hasOwn(readMethods, method)
}

/** Whether a method lists something. */
export function isListMethod(method: ReadMethod): method is ListMethod {
  return readMethods[method].list !== null
}

/** What the list is called in the result of a method that lists something. */
export function listOf(method: ListMethod): string {
  return readMethods[method].list
}

/** Methods about a session: there are none from 2026-07-28 on. */
const sessionMethods: ReadonlySet<string> = new Set([
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
])

export function isSessionMethod(method: string): boolean {
  return sessionMethods.has(method)
}

/** The parameter whose value the Mcp-Name header of a request mirrors; null when it has none. */
export function mirroredParam(method: string): 'name' | 'uri' | 'taskId' | null {
  if (method === 'tools/call') return 'name'
  if (isTaskMethod(method) && isOfEra(method, 'modern')) return 'taskId'
  return isReadMethod(method) ? readMethods[method].name : null
}

/** The prompt a request asks for, as its caller named it; null when it asks for none. */
export function promptIn(method: string, params: Record<string, unknown>): string | null {
  const { name } = params
  return method === 'prompts/get' && typeof name === 'string' ? name : null
}

/** What is sent to the server for a call that is allowed. */
export function messageFor(params: Record<string, unknown>, tool: ToolFacts): Omit<UpstreamRequest, 'signal'> {
  const repeatable = tool.class === 'read'
  if (!tool.isMethod) {
    const { inputSchema } = (tool as BrokeredTool).definition
    return {
      repeatable,
      exact: true,
      method: 'tools/call',
      params: callParams(params, tool.name),
      tool: { name: tool.name, inputSchema },
    }
  }
  const key = mirroredParam(tool.name)
  const name = key === null ? undefined : params[key]
  return {
    repeatable,
    exact: true,
    method: tool.name,
    params,
    ...(typeof name === 'string' ? { tool: { name, inputSchema: null } } : {}),
  }
}

/**
 * What a call says: its tool, and what a rule, an approval and the record of it speak of, or the protocol. Anything else of its request
 * could make it another call at the server than the one that was looked at.
 */
function callParams(given: Record<string, unknown>, name: string): Record<string, unknown> {
  const params: Record<string, unknown> = { name }
  for (const member of callMembers) if (given[member] !== undefined) params[member] = given[member]
  return params
}

const callMembers = ['arguments', 'task', 'requestState', 'inputResponses', '_meta'] as const

/** What of a request is recorded (as a digest): the arguments of a tool, or all parameters of a method. */
export function recordedArguments(params: Record<string, unknown>, isMethod: boolean): unknown {
  if (!isMethod) return params['arguments']
  const { _meta, ...rest } = params
  return rest
}

/** The longest an agent is told to keep a list: so long a revoked grant may still show in it. */
const ttlMsMax = 300_000

/** The server's result as an agent gets it: as long as the server says, and for this agent alone, since others may read less. */
export function resultFor(
  era: Era,
  method: ReadMethod | TaskMethod,
  result: Record<string, unknown>,
): Record<string, unknown> {
  // How long a task is kept is no matter of caches.
  if (isTaskMethod(method)) return result
  const { ttlMs, cacheScope: _, ...rest } = result
  if (!readMethods[method].cached || era === 'legacy' || result['resultType'] === 'input_required') return rest
  const kept = typeof ttlMs === 'number' && Number.isInteger(ttlMs) && ttlMs > 0 ? Math.min(ttlMs, ttlMsMax) : 0
  return { ...rest, ttlMs: kept, cacheScope: 'private' }
}

/** The result of a list for whom nothing is listed; null for a method that lists nothing. */
export function emptyList(method: ReadMethod | TaskMethod): Record<string, unknown> | null {
  if (isTaskMethod(method)) return null
  const { list } = readMethods[method]
  return list === null ? null : { [list]: [] }
}
