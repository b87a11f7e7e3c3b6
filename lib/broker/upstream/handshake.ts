import {
  Client,
  type FetchLike,
  type ServerCapabilities,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client'
import { brokerInfo, type Era } from '../wire.ts'

/** How an upstream is spoken to: its revision, and its session where the revision has one. */
export type Handshake = {
  era: Era
  version: string
  sessionId: string | null
  instructions: string | null
  capabilities: ServerCapabilities
}

/**
 * Finds out which era an upstream speaks and opens a session where that needs one, with the SDK's client: it is asked `server/discover` first and
 * `initialize` if it does not know that. Everything after is sent by the connection itself.
 */
export async function shakeHands(options: {
  url: string
  /** Shows the broker's credential. */
  fetch: FetchLike
  /** How long the server has for each step. */
  timeoutMs: number
}): Promise<Handshake> {
  const client = new Client(brokerInfo, { versionNegotiation: { mode: 'auto' } })
  // The client waits only so long for what it asked, and without end until the server has taken that it has begun.
  const fetch: FetchLike = (url, init) => {
    const late = AbortSignal.timeout(options.timeoutMs)
    return options.fetch(url, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, late]) : late })
  }
  const transport = new StreamableHTTPClientTransport(new URL(options.url), { fetch })
  try {
    await client.connect(transport, { timeout: options.timeoutMs })
    return {
      era: client.getProtocolEra() === 'modern' ? 'modern' : 'legacy',
      version: client.getNegotiatedProtocolVersion() ?? '2025-11-25',
      sessionId: transport.sessionId ?? null,
      instructions: client.getInstructions() ?? null,
      capabilities: client.getServerCapabilities() ?? {},
    }
  } finally {
    // Closes our side only: the session at the server stays, and is ours to use.
    await client.close()
  }
}
