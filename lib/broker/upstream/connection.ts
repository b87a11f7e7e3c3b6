import { LATEST_PROTOCOL_VERSION } from '@modelcontextprotocol/client'
import type { Limits } from '../limits.ts'
import { brokerInfo } from '../wire.ts'
import { authorizedFetch, refusalsMax } from './authorized-fetch.ts'
import { answeredBeside, cancel } from './beside.ts'
import { CredentialFailure, refusedText, type UpstreamCredential } from './credential.ts'
import { paramsFor } from './envelope.ts'
import { shakeHands, type Handshake } from './handshake.ts'
import { CutOff, UpstreamFailure, UpstreamRefusal } from './failure.ts'
import type { Incoming } from './incoming.ts'
import {
  postNotification,
  type Post,
  readReply,
  readStream,
  type Relay,
  type RpcMessage,
  type RpcReply,
  send,
  typeOf,
} from './http.ts'
import type { UpstreamRequest, UpstreamSession } from './request.ts'
import { addHeaders } from './request-headers.ts'
import { legacyReply } from './legacy-reply.ts'
import { restOfReply } from './rest-of-reply.ts'
import { sentAgain } from './sent-again.ts'
import { type SocketOptions, Sockets } from './sockets.ts'
import { untilAborted } from '../until-aborted.ts'

const handshakeMs = 10_000
const cancelMs = 2000

type Spoken = Pick<Handshake, 'era' | 'version' | 'sessionId'>
type PostOptions = Pick<Post, 'signal' | 'exact'> & { limits?: Limits | undefined }

/** One upstream: pooled connections, the handshake done once, requests sent as they are. Knows no agent and never sees an agent's token. */
export class UpstreamConnection {
  readonly #url: URL
  readonly #credential: UpstreamCredential
  #limits: Limits
  readonly #sockets: Sockets
  #handshake: Promise<Handshake> | null = null
  #spoken: Handshake | null = null
  /** The one that counts, when it is over. */
  #done: Handshake | null = null
  /** Asked for a session, it gave none. */
  #isSessionless = false
  #keepsEvents = false
  #lastId = 0
  #active = 0
  #onIdle: (() => void) | null = null

  constructor(options: SocketOptions) {
    this.#url = new URL(options.url)
    this.#credential = options.credential
    this.#limits = options.limits
    this.#sockets = new Sockets(options)
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
    try {
      return await this.#send(request)
    } catch (error) {
      if (error instanceof UpstreamRefusal) return await this.#showAnother(request, error)
      throw error
    }
  }

  async #send(request: UpstreamRequest): Promise<RpcReply> {
    const { own, signal, repeatable = false } = request
    // A session of one's own needs no handshake, but what is shown to the server all the same.
    if (own && !this.#credential.current()) await this.#obtain(signal)
    let handshake = spokenIn(request) ?? this.#shaken ?? (await this.ready(signal))
    // Whoever comes first begins it; the others find another one than they were sent in.
    const renew = async (): Promise<void> => {
      if (this.#done === handshake) this.#handshake = this.#done = null
      handshake = await this.ready(signal)
    }
    return await sentAgain(() => this.#post(request, handshake), { repeatable, renew: own ? null : renew })
  }

  /** From the next request on: a server's own may have changed. */
  useLimits(limits: Limits): void {
    this.#limits = limits
  }

  /** What the server said of itself; null before the first handshake. */
  get spoken(): Pick<Handshake, 'era' | 'capabilities'> | null {
    return this.#spoken
  }

  /** Whether it was seen to give events of a reply's stream an id: after one, the rest of the stream can be had within its session. */
  get keepsEvents(): boolean {
    return this.#keepsEvents
  }

  /** Whether it was asked for a session and is known to keep none. */
  get isSessionless(): boolean {
    return this.#isSessionless
  }

  /**
   * Opens a session that is nobody else's, with what its client can be asked for; null when the server keeps none. A server of both eras is
   * spoken to in that of the sessions then.
   */
  async openSession(
    capabilities: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<UpstreamSession | null> {
    const { era, version: spoken } = await this.ready(signal)
    if (this.#isSessionless) return null
    const wanted = era === 'legacy' ? spoken : LATEST_PROTOCOL_VERSION
    const id = (this.#lastId += 1)
    const params = { protocolVersion: wanted, capabilities, clientInfo: brokerInfo }
    const post = this.#postOf({ jsonrpc: '2.0', id, method: 'initialize', params }, { signal, session: null })
    const response = await send(post)
    const sessionId = response.headers['mcp-session-id']
    const begun = typeof sessionId === 'string' ? { id: sessionId, version: wanted } : null
    try {
      const reply = await readReply(response, post, id)
      // Most errors say nothing of the next time: it keeps none that greets without one, or does not know the greeting of that era.
      const knows = reply.ok || era === 'legacy' || ![400, 404, 405].includes(reply.status)
      if (!knows || (reply.ok && !begun)) this.#isSessionless = true
      if (!reply.ok || !begun) return null
      const { protocolVersion } = reply.result
      const session = { ...begun, version: typeof protocolVersion === 'string' ? protocolVersion : wanted }
      await this.tell({ method: 'notifications/initialized' }, { session, signal })
      return session
    } catch (error) {
      if (begun) this.endSession(begun, AbortSignal.timeout(cancelMs)).catch(() => {})
      throw error
    }
  }

  /** Passes on a notification or a response within a session; returns the HTTP status. */
  async tell(
    message: RpcMessage,
    { session, signal }: { session: UpstreamSession; signal: AbortSignal },
  ): Promise<number> {
    if (!this.#credential.current()) await this.#obtain(signal)
    return await postNotification(this.#postOf({ jsonrpc: '2.0', ...message }, { signal, session }))
  }

  /** Ends a session; returns the HTTP status. */
  async endSession(session: UpstreamSession, signal: AbortSignal): Promise<number> {
    if (!this.#credential.current()) await this.#obtain(signal)
    const response = await send(this.#postOf(null, { signal, session }), 'DELETE')
    await response.dump()
    return response.statusCode
  }

  /**
   * The stream of a session that no request began, or the rest of one after an event: null and the status when the server does not
   * give it, else a function that hands over its events until it ends.
   */
  async openStream(
    session: UpstreamSession,
    { relay, room, ...options }: { lastEventId: string | null; relay: Relay; room?: Post['room'] } & PostOptions,
  ): Promise<{ status: number; read: (() => Promise<void>) | null }> {
    const { post, response } = await this.#get(session, { ...options, exact: true })
    const isStream = typeOf(response).startsWith('text/event-stream')
    if (response.statusCode === 200 && isStream)
      return { status: 200, read: () => readStream(response, { ...post, relay, room }) }
    await response.dump()
    return { status: response.statusCode, read: null }
  }

  /** Lets the requests that have begun end, also those that wait for the handshake; nothing new may be requested. */
  async close(): Promise<void> {
    if (this.#active > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve))
    await this.#sockets.close()
  }

  async destroy(): Promise<void> {
    await this.#sockets.destroy()
  }

  /** The server refused what it was shown: the request is sent again for as long as there is something else to show. */
  async #showAnother(request: UpstreamRequest, first: UpstreamRefusal): Promise<RpcReply> {
    for (let refusal = first, tries = 1; ; tries += 1) {
      const { shown, challenge } = refusal
      const isEnough = tries > refusalsMax
      if (isEnough || !shown || !(await this.#credential.refused(shown, challenge))) {
        const { status } = challenge
        if (status === 401 || isEnough) await this.#credential.report?.trouble(refusedText(status))
        throw refusal
      }
      try {
        return await this.#send(request)
      } catch (error) {
        if (!(error instanceof UpstreamRefusal)) throw error
        refusal = error
      }
    }
  }

  /** The handshake, where there is nothing to wait for: it is done, and what is shown to the server is at hand. */
  get #shaken(): Handshake | null {
    return this.#done && this.#credential.current() ? this.#done : null
  }

  /** One handshake for all who wait; a failed one is tried again by the next request. */
  async ready(signal: AbortSignal): Promise<Handshake> {
    if (!this.#credential.current()) await this.#obtain(signal)
    if (!this.#handshake) {
      const pool = this.#sockets.calls
      const authorized = authorizedFetch(this.#credential, () => pool)
      const handshake = shakeHands({
        url: this.#url.href,
        fetch: authorized.fetch,
        timeoutMs: handshakeMs,
      }).then(
        (shaken) => {
          this.#spoken = this.#done = shaken
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

  #obtain(signal: AbortSignal): Promise<unknown> {
    return untilAborted(this.#credential.obtain(), signal)
  }

  async #post(request: UpstreamRequest, handshake: Spoken): Promise<RpcReply> {
    const { own, signal, method, running, lasting, exact, limits = this.#limits } = request
    const id = own ? own.id : (this.#lastId += 1)
    const params = paramsFor(handshake, request.params, request.envelope ?? {}, request.trace)
    const session = own ? own.session : sessionOf(handshake)
    const post = this.#postOf({ jsonrpc: '2.0', id, method, params }, { signal, session, lasting, exact, limits })
    addHeaders(post.headers, request, handshake)
    // Whoever has a session of their own hears what is asked in it, if they hear anything.
    const isHeard = own ? request.relay !== undefined : handshake.era === 'modern'
    post.relay = isHeard ? request.relay : answeredBeside(post, request.relay)
    post.hold = request.hold
    post.room = request.room
    post.cut = own?.cut
    if (handshake.era === 'legacy') post.marked = this.#marked
    if (request.streams) post.streamFromBytes = limits.streamFromBytes
    if (own || request.envelope?.capabilities) post.silenceMs = 0
    const shown = this.#credential.current()
    const left = running?.sent ?? false
    post.sending = running
    try {
      const reply = await readReply(await send(post), post, id)
      this.#credential.report?.works()
      return handshake.era === 'legacy' ? legacyReply(reply, () => cancel(post, id)) : reply
    } catch (error) {
      if (error instanceof UpstreamRefusal) {
        error.shown = shown
        // It has not looked at the request.
        if (running) running.sent = left
      }
      // From 2026-07-28 on the closed connection is the cancellation; before, it has to be said.
      if (signal.aborted && handshake.era === 'legacy') cancel(post, id)
      if (!(error instanceof CutOff) || !session || own?.cuts) throw error
      try {
        return await restOfReply(error, signal, (eventId) => this.#rest(session, { eventId, post, id, limits }))
      } catch (late) {
        if (signal.aborted) cancel(post, id)
        throw late
      }
    }
  }

  async #rest(
    session: UpstreamSession,
    { eventId, post, id, limits }: { eventId: string; post: Post; id: string | number; limits: Limits },
  ): Promise<RpcReply> {
    const { signal, exact, relay, hold, streamFromBytes } = post
    const { post: get, response } = await this.#get(session, { lastEventId: eventId, signal, exact, limits })
    const reply = await readReply(response, { ...get, relay, hold, streamFromBytes }, id)
    return legacyReply(reply, () => cancel(post, id))
  }

  /** Asks for the events of a session, those after one of them if it is named. */
  async #get(
    session: UpstreamSession,
    { lastEventId, ...options }: { lastEventId: string | null } & PostOptions,
  ): Promise<{ post: Post; response: Incoming }> {
    if (!this.#credential.current()) await this.#obtain(options.signal)
    const post = this.#postOf(null, { ...options, session, lasting: true })
    post.headers['accept'] = 'text/event-stream'
    if (lastEventId !== null) post.headers['last-event-id'] = lastEventId
    return { post, response: await send(post, 'GET') }
  }

  readonly #marked = (): void => {
    this.#keepsEvents = true
  }

  #postOf(
    message: RpcMessage | null,
    options: PostOptions & { session: UpstreamSession | null; lasting?: boolean | undefined },
  ): Post {
    const { signal, session, lasting, exact, limits = this.#limits } = options
    const shown = this.#credential.current()
    // It lapsed since it was obtained: without it nothing is sent, nor a connection opened.
    if (!shown) throw new CredentialFailure('credential_unavailable', 'its credential has just ended')
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...shown.headers,
    }
    if (session) {
      headers['mcp-protocol-version'] = session.version
      headers['mcp-session-id'] = session.id
    }
    return {
      pool: lasting ? this.#sockets.lasting : this.#sockets.calls,
      path: this.#url.pathname + this.#url.search,
      headers,
      body: message ? JSON.stringify(message) : '',
      signal,
      resultBytesMax: limits.resultBytesMax,
      streamFromBytes: 0,
      streamBytesMax: limits.streamBytesMax,
      resultDepthMax: limits.resultDepthMax,
      redact: shown.redact,
      prover: shown.prover,
      silenceMs: lasting ? 0 : undefined,
      exact,
    }
  }
}

/** A session of one's own says by itself how it is spoken to. */
function spokenIn({ own }: UpstreamRequest): Spoken | null {
  return own ? { era: 'legacy', version: own.session.version, sessionId: null } : null
}

function sessionOf({ sessionId, version }: Spoken): UpstreamSession | null {
  return sessionId === null ? null : { id: sessionId, version }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown'
}
