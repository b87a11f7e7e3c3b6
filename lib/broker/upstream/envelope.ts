import { readTraceContext, type TraceContext, traceparentOf } from '../telemetry/trace-context.ts'
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

/**
 * The agent's own envelope stays here: towards the upstream the client is the broker. Of what else it says beside its request only the trace it
 * belongs to goes on: no rule and nobody who approves a call sees the rest, and a server could go by it.
 */
export function paramsFor(
  handshake: Pick<Handshake, 'era' | 'version'>,
  params: Record<string, unknown>,
  { capabilities, logLevel, progressToken }: Envelope,
  trace: TraceContext | null | undefined,
): Record<string, unknown> {
  const isBare = handshake.era === 'legacy' && progressToken === undefined && !trace
  if (isBare && params['_meta'] === undefined) return params
  const { _meta, ...rest } = params
  const meta: Record<string, unknown> = {}
  if (handshake.era === 'modern') {
    meta[metaKey.version] = handshake.version
    meta[metaKey.client] = brokerInfo
    meta[metaKey.capabilities] = capabilities ?? {}
    if (logLevel !== undefined) meta[metaKey.logLevel] = logLevel
  }
  if (progressToken !== undefined) meta['progressToken'] = progressToken
  const passed = trace ?? readTraceContext(_meta, {})
  if (passed) {
    meta['traceparent'] = traceparentOf(passed)
    if (passed.state !== null) meta['tracestate'] = passed.state
  }
  return Object.keys(meta).length > 0 ? { ...rest, _meta: meta } : rest
}
