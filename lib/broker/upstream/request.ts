import type { Limits } from '../limits.ts'
import type { TraceContext } from '../telemetry/trace-context.ts'
import type { Envelope } from './envelope.ts'
import type { Post, Relay } from './http.ts'

/** A session at a server before 2026-07-28 that belongs to one session of one agent. */
export type UpstreamSession = { readonly id: string; readonly version: string }

/** What is to be sent to a server. */
export type UpstreamRequest = {
  method: string
  params: Record<string, unknown>
  /** For `Mcp-Name` (the name of a tool or prompt, or the address of a resource) and `Mcp-Param-*`. */
  tool?: { name: string; inputSchema: unknown }
  /** What the upstream's own spans are to hang below. */
  trace?: TraceContext | null
  /** Whether it only reads, so that it does no harm to send it twice. */
  repeatable?: boolean
  signal: AbortSignal
  /** What is to know that it has left, if something is. */
  running?: { sent: boolean }
  /** The agent's part of the envelope; absent for a request that wants nothing but its reply. */
  envelope?: Envelope
  relay?: Relay | undefined
  /** In this session and under this id: then nothing is sent again in another one. `cuts`: whoever asked resumes a stream that is cut off; `cut`: at once. */
  own?: { session: UpstreamSession; id: string | number; cuts: boolean; cut?: AbortSignal } | undefined
  /** Whether a result that is too large to hold may be handed over while it arrives. */
  streams?: boolean
  /** Of whoever asks, where they are not the server's. */
  limits?: Limits | undefined
  /** As those of a `Post`. */
  hold?: Post['hold']
  room?: Post['room']
  /** Its reply is only passed on, so that numbers in it stay as they are written. */
  exact?: boolean
  /** A stream that lasts: over connections of its own, silent as long as it likes. */
  lasting?: boolean
}
