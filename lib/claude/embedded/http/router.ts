import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Principal } from './auth.ts'

export type Method = 'GET' | 'POST' | 'DELETE'

/** One request, parsed as far as every route needs it. */
export type Call = {
  method: Method
  params: Readonly<Record<string, string>>
  query: Readonly<Record<string, string | string[]>>
  headers: IncomingMessage['headers']
  /** The JSON body; an empty object when there is none. */
  body: unknown
  principal: Principal
  now: Date
  /** Aborts when the client goes away. */
  signal: AbortSignal
}

/** A body to answer with status 200, or a function that writes the whole answer itself (an event stream). */
export type Answer = { json: unknown } | { stream: (response: ServerResponse) => Promise<void> }

export type Route = {
  method: Method
  /** `/v1/sessions/:session` — a parameter is one path segment. */
  path: string
  /** Who may call it; anyone else is told so with 403. */
  allow: readonly Principal['kind'][]
  handle(call: Call): Promise<Answer>
}

export type Match = { route: Route; params: Record<string, string> }

/** The route for a request, or whether the path exists at all under another method. */
export function matchRoute(routes: readonly Route[], method: string, path: string): Match | 'method' | 'nothing' {
  let other = false
  for (const route of routes) {
    const params = matchPath(route.path, path)
    if (!params) continue
    if (route.method === method) return { route, params }
    other = true
  }
  return other ? 'method' : 'nothing'
}

function matchPath(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split('/')
  const given = path.split('/')
  if (wanted.length !== given.length) return null
  const params: Record<string, string> = {}
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? ''
    if (!part.startsWith(':')) {
      if (part !== value) return null
    } else {
      if (value === '') return null
      params[part.slice(1)] = decode(value)
    }
  }
  return params
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

type Row = [method: Method, path: string, handle: (call: Call) => Promise<unknown>]

/** Routes that answer with JSON and are open to the same callers. */
export function jsonRoutes(allow: Route['allow'], rows: readonly Row[]): Route[] {
  return rows.map(([method, path, handle]) => ({
    method,
    path,
    allow,
    handle: async (call) => ({ json: await handle(call) }),
  }))
}

/** Most lists of the API only go forward. */
export function forwardOnly<View>(page: { data: View[]; next_page: string | null }) {
  return { data: page.data, next_page: page.next_page }
}

/** A path parameter that the route's pattern has. */
export function param(call: Call, name: string): string {
  return call.params[name] ?? ''
}
