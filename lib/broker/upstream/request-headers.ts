import { type TraceContext, traceparentOf } from '../telemetry/trace-context.ts'
import type { Handshake } from './handshake.ts'
import { headerValue, paramHeaders } from './param-headers.ts'

/** What of a request its headers say as well. */
type Said = {
  method: string
  params: Record<string, unknown>
  /** For `Mcp-Name` (the name of a tool or prompt, or the address of a resource) and `Mcp-Param-*`. */
  tool?: { name: string; inputSchema: unknown }
  trace?: TraceContext | null
}

/** Since 2026-07-28 a server, and whatever stands before it, is told what a request is about without reading it. */
export function addHeaders(
  headers: Record<string, string>,
  { method, params, tool, trace }: Said,
  { era, version }: Pick<Handshake, 'era' | 'version'>,
): void {
  headers['mcp-protocol-version'] ??= version
  if (trace) headers['traceparent'] = traceparentOf(trace)
  if (trace?.state) headers['tracestate'] = trace.state
  if (era === 'legacy') return
  headers['mcp-method'] = method
  if (!tool) return
  headers['mcp-name'] = headerValue(tool.name)
  Object.assign(headers, paramHeaders(tool.inputSchema, params['arguments']))
}
