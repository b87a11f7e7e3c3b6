import { type TraceContext, traceparentOf } from '../telemetry/trace-context.ts'
import { brokerInfo } from '../wire.ts'
import type { Handshake } from './handshake.ts'

export const metaKey = {
  version: 'io.modelcontextprotocol/protocolVersion',
  client: 'io.modelcontextprotocol/clientInfo',
  capabilities: 'io.modelcontextprotocol/clientCapabilities',
  logLevel: 'io.modelcontextprotocol/logLevel',
  subscription: 'io.modelcontextprotocol/subscriptionId',
} as const

/** What of a request's envelope is the agent's own and the upstream may know. */
export type Envelope = {
  /** What the agent can do and may be asked for; absent: nothing. */
  capabilities?: Readonly<Record<string, unknown>> | undefined
  logLevel?: string | undefined
  /** Absent: no progress is wanted. */
  progressToken?: string | number | undefined
}

/** The agent's own envelope stays here: towards the upstream the client is the broker. */
export function paramsFor(
  handshake: Pick<Handshake, 'era' | 'version'>,
  params: Record<string, unknown>,
  { capabilities, logLevel, progressToken }: Envelope,
  trace: TraceContext | null | undefined,
): Record<string, unknown> {
  const isBare = handshake.era === 'legacy' && progressToken === undefined && !trace
  if (isBare && params['_meta'] === undefined) return params
  const { _meta, ...rest } = params
  const passed = Object.entries((_meta ?? {}) as Record<string, unknown>).filter(
    ([key]) => !key.startsWith('io.modelcontextprotocol/') && key !== 'progressToken',
  )
  const meta: Record<string, unknown> = Object.fromEntries(passed)
  if (handshake.era === 'modern') {
    meta[metaKey.version] = handshake.version
    meta[metaKey.client] = brokerInfo
    meta[metaKey.capabilities] = capabilities ?? {}
    if (logLevel !== undefined) meta[metaKey.logLevel] = logLevel
  }
  if (progressToken !== undefined) meta['progressToken'] = progressToken
  if (trace) {
    meta['traceparent'] = traceparentOf(trace)
    if (trace.state === null) delete meta['tracestate']
    else meta['tracestate'] = trace.state
  }
  return Object.keys(meta).length > 0 ? { ...rest, _meta: meta } : rest
}
