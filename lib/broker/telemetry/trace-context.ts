import type { IncomingHttpHeaders } from 'node:http'

/** W3C trace context as it is passed on: who sent it is the parent of what comes next. */
export type TraceContext = {
  traceId: string
  spanId: string
  sampled: boolean
  /** As other systems filled it; passed on unread. */
  state: string | null
}

const zeros = /^0+$/

/**
 * The context a request came with: of its `_meta` (MCP names the keys `traceparent` and `tracestate`), else of its headers; null when there is
 * none, or none that can be read (Trace Context §3.2: then a new trace begins).
 */
export function readTraceContext(meta: unknown, headers: IncomingHttpHeaders): TraceContext | null {
  const { traceparent, tracestate } = (typeof meta === 'object' && meta !== null ? meta : {}) as Record<string, unknown>
  return (
    (traceparent === undefined ? null : parse(traceparent, tracestate)) ??
    (headers['traceparent'] === undefined ? null : parse(headers['traceparent'], headers['tracestate']))
  )
}

export function traceparentOf({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`
}

function parse(parent: unknown, state: unknown): TraceContext | null {
  if (typeof parent !== 'string' || parent.length > 200) return null
  const [, version, traceId, spanId, flags, rest] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(parent) ?? []
  if (!traceId || !spanId || !flags || version === 'ff' || (version === '00' && rest !== undefined)) return null
  if (zeros.test(traceId) || zeros.test(spanId)) return null
  const isState = typeof state === 'string' && /^[\x20-\x7E]{1,512}$/.test(state)
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1, state: isState ? state : null }
}
