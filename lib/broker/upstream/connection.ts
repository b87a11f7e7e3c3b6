import { Pool } from 'undici'
import type { Limits } from '../limits.ts'
import { brokerInfo } from '../wire.ts'
import { authorizedFetch, refusalsMax } from './authorized-fetch.ts'
import type { UpstreamCredential } from './credential.ts'
import { shakeHands, type Handshake } from './handshake.ts'
import { postNotification, postRequest, type RpcReply, UpstreamFailure, UpstreamRefusal } from './http.ts'
import { type TraceContext, traceparentOf } from '../telemetry/trace-context.ts'
import { headerValue, paramHeaders } from './param-headers.ts'
import { redactNothing } from './redaction.ts'

const metaKey = {
  version: 'io.modelcontextprotocol/protocolVersion',
  client: 'io.modelcontextprotocol/clientInfo',
  capabilities: 'io.modelcontextprotocol/clientCapabilities',
} as const
const handshakeMs = 10_000
const cancelMs = 2000

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
}

/** One upstream: pooled connections, the handshake done once, requests sent as they are. Knows no agent and never sees an agent's token. */
export class UpstreamConnection {
  readonly #url: URL
  readonly #credential: UpstreamCredential
  readonly #limits: Limits
  /** Opened when it is known what is shown: a client certificate belongs to the connections. */
  #opened: Pool | null = null
  #handshake: Promise<Handshake> | null = null
  #capabilities: Handshake['capabilities'] | null = null
  #lastId = 0
  #active = 0
  #onIdle: (() => void) | null = null

  constructor(options: { url: string; credential: UpstreamCredential; limits: Limits }) {
    this.#url = new URL(options.url)
    this.#credential = options.credential
    this.#limits = options.limits
  }

  /** Sends a request and returns the upstream's own reply, result or error. Rejects with `UpstreamFailure` or the signal's reason. */
  async request(request: UpstreamRequest): Promise<RpcReply> {
    this.#active += 1
    try {
      return await this.#request(request)
    } finally {
      this.#active -= 1
      if (this.#active === 0) this.#onIdle?.()
    }
  }

  async #request(request: UpstreamRequest): Promise<RpcReply> {
    const handshake = await this.#ready(request.signal)
    try {
      return await this.#post(request, handshake)
    } catch (error) {
      if (error instanceof UpstreamRefusal) return await this.#showAnother(request, error)
      // Mostly an idle connection that the server closed as it was used again. A change may have been carried out: that is not repeated.
      if (error instanceof UpstreamFailure && error.kind === 'dropped' && request.repeatable) {
        return await this.#post(request, handshake)
      }
      // The server has forgotten the session, so it has not looked at the request: it is sent once more in a new one.
      if (!(error instanceof UpstreamFailure) || error.kind !== 'session_gone') throw error
      if (this.#handshake && (await this.#handshake) === handshake) this.#handshake = null
      return await this.#post(request, await this.#ready(request.signal))
    }
  }

  /** What the server said it can do; null before the first handshake. */
  get capabilities(): Handshake['capabilities'] | null {
    return this.#capabilities
  }

  /** Lets the requests that have begun end, also those that wait for the handshake; nothing new may be requested. */
  async close(): Promise<void> {
    if (this.#active > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve))
    await this.#opened?.close()
  }

  async destroy(): Promise<void> {
    await this.#opened?.destroy()
  }

  get #pool(): Pool {
    this.#opened ??= new Pool(this.#url.origin, {
      connections: 256,
      pipelining: 1,
      connect: { timeout: 5000, ...this.#credential.current()?.tls },
      // The deadline of each call is its signal; these only clean up after peers that went silent.
      headersTimeout: this.#limits.callDeadlineMs + 5000,
      bodyTimeout: this.#limits.callDeadlineMs + 5000,
      // Where a server does not say it: many close after five seconds.
      keepAliveTimeout: 4000,
    })
    return this.#opened
  }

  /** The server refused what it was shown: the request is sent again for as long as there is something else to show. */
  async #showAnother(request: UpstreamRequest, first: UpstreamRefusal): Promise<RpcReply> {
    for (let refusal = first, tries = 1; ; tries += 1) {
      const { shown, challenge } = refusal
      if (tries > refusalsMax || !shown || !(await this.#credential.refused(shown, challenge))) throw refusal
      try {
        return await this.#post(request, await this.#ready(request.signal))
      } catch (error) {
        if (!(error instanceof UpstreamRefusal)) throw error
        refusal = error
      }
    }
  }

  /** One handshake for all who wait; a failed one is tried again by the next request. */
  async #ready(signal: AbortSignal): Promise<Handshake> {
    if (!this.#credential.current()) await untilAborted(this.#credential.obtain(), signal)
    if (!this.#handshake) {
      const authorized = authorizedFetch(this.#credential, () => this.#pool)
      const handshake = shakeHands({
        url: this.#url.href,
        fetch: authorized.fetch,
        timeoutMs: handshakeMs,
      }).then(
        (shaken) => {
          this.#capabilities = shaken.capabilities
          return shaken
        },
        (error: unknown) => {
          if (this.#handshake === handshake) this.#handshake = null
          throw authorized.failure ?? new UpstreamFailure('unreachable', `it could not be greeted (${nameOf(error)})`)
        },
      )
      this.#handshake = handshake
    }
    return await untilAborted(this.#handshake, signal)
  }

  async #post(request: UpstreamRequest, handshake: Handshake): Promise<RpcReply> {
    const id = (this.#lastId += 1)
    const message = { jsonrpc: '2.0', id, method: request.method, params: paramsFor(handshake, request) }
    const shown = this.#credential.current()
    const post = {
      pool: this.#pool,
      path: this.#url.pathname + this.#url.search,
      headers: this.#headersFor(request, handshake),
      body: JSON.stringify(message),
      signal: request.signal,
      resultBytesMax: this.#limits.resultBytesMax,
      resultDepthMax: this.#limits.resultDepthMax,
      redact: shown?.redact ?? redactNothing,
    }
    try {
      return await postRequest(post, id)
    } catch (error) {
      if (error instanceof UpstreamRefusal) error.shown = shown
      // From 2026-07-28 on the closed connection is the cancellation; before, it has to be said.
      if (request.signal.aborted && handshake.era === 'legacy') this.#cancel(post, id)
      throw error
    }
  }

  #cancel(post: Parameters<typeof postNotification>[0], requestId: number): void {
    const params = { requestId, reason: 'The broker has ended the call.' }
    const body = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params })
    postNotification({ ...post, body, signal: AbortSignal.timeout(cancelMs) }).catch(() => {})
  }

  #headersFor({ method, params, tool, trace }: UpstreamRequest, handshake: Handshake): Record<string, string> {
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': handshake.version,
      ...this.#credentialHeaders(),
    }
    if (handshake.sessionId !== null) headers['mcp-session-id'] = handshake.sessionId
    if (trace) headers['traceparent'] = traceparentOf(trace)
    if (trace?.state) headers['tracestate'] = trace.state
    if (handshake.era === 'legacy') return headers
    headers['mcp-method'] = method
    if (!tool) return headers
    headers['mcp-name'] = headerValue(tool.name)
    return Object.assign(headers, paramHeaders(tool.inputSchema, params['arguments']))
  }

  #credentialHeaders(): Readonly<Record<string, string>> {
    return this.#credential.current()?.headers ?? {}
  }
}

/** The agent's own envelope stays here: towards the upstream the client is the broker. */
function paramsFor(handshake: Handshake, { params, trace }: UpstreamRequest): Record<string, unknown> {
  const { _meta, ...rest } = params
  const passed = Object.entries((_meta ?? {}) as Record<string, unknown>).filter(
    ([key]) => !key.startsWith('io.modelcontextprotocol/') && key !== 'progressToken',
  )
  const envelope =
    handshake.era === 'modern'
      ? { [metaKey.version]: handshake.version, [metaKey.client]: brokerInfo, [metaKey.capabilities]: {} }
      : {}
  const meta: Record<string, unknown> = { ...Object.fromEntries(passed), ...envelope }
  if (trace) {
    meta['traceparent'] = traceparentOf(trace)
    if (trace.state === null) delete meta['tracestate']
    else meta['tracestate'] = trace.state
  }
  return Object.keys(meta).length > 0 ? { ...rest, _meta: meta } : rest
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown'
}
