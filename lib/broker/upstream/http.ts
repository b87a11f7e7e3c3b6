import type { Pool } from 'undici'
import { parseExactly } from '#lib/core/exact-json.ts'
import { parseJson } from '#lib/core/parse-json.ts'
import { type StdioRule, stdioRuleHeader, stdioRuleIn } from '#lib/core/stdio-ticket.ts'
import { isDeeperThan } from '#lib/guardrails/rules/request-limits.ts'
import { LargeReply } from '../large/large-reply.ts'
import { type SseItem, SseSplitter } from '../large/sse-splitter.ts'
import type { RpcError } from '../wire.ts'
import { untilAborted } from '../until-aborted.ts'
import { CutOff, UpstreamFailure, UpstreamRefusal } from './failure.ts'
import { HeldBytes, type Room, uncountedBytes } from './held-bytes.ts'
import { Incoming } from './incoming.ts'
import type { Prover } from '#lib/upstreams/commands.ts'
import type { Redact } from '#lib/core/redaction.ts'

/** Of the HTTP exchange that brought an error; the rule that it names is believed of the sandbox service alone. */
type Beside = { status: number; rule?: StdioRule | undefined }
/** `large`: the result is too large to hold and is still to be read; `result` is empty then. */
export type RpcReply =
  | { ok: true; result: Record<string, unknown>; large?: LargeReply }
  | ({ ok: false; error: RpcError } & Beside)

export type RpcMessage = Record<string, unknown>
/** The id of an event and the time to retry after, where the server gives them. */
export type EventMark = { id: string | null; retry: number | null }

/** Takes what a server sends before its reply, in its order; `message` is null for an event that only has a mark. Awaited: a slow taker slows its server. */
export type Relay = { take(message: RpcMessage | null, mark: EventMark): Promise<void> | void }

export type Post = {
  pool: Pool
  path: string
  headers: Record<string, string>
  body: string
  signal: AbortSignal
  resultBytesMax: number
  resultDepthMax: number
  /** A longer reply is handed over while it arrives; 0: none is. */
  streamFromBytes: number
  streamBytesMax: number
  /** Takes the credential out of what the server says. */
  redact: Redact
  /** What proves that the token shown is the broker's own. */
  prover?: Prover | undefined
  /** Without one, what comes before the reply is dropped. */
  relay?: Relay | undefined
  /** How long the server may be silent; 0: as long as the signal lets it. */
  silenceMs?: number | undefined
  /** Asked before more of an answer is held than goes without counting; false: there is too much of answers already. */
  hold?: ((bytes: number) => boolean) | undefined
  /** Of a stream that lasts: where what is not handed on yet is counted. */
  room?: Room | undefined
  /** What the server says is only passed on: numbers stay as they are written. */
  exact?: boolean | undefined
  /** Marked when it has a connection and is written to it. */
  sending?: { sent: boolean } | undefined
  /** Lets go of its reply's stream, after an event with an id: the rest can be had. */
  cut?: AbortSignal | undefined
  /** Told when an event of its reply's stream has an id. */
  marked?: (() => void) | undefined
}

/** Its content type; of a server that sends several the first. */
export function typeOf({ headers }: Pick<Incoming, 'headers'>): string {
  const named: unknown = headers['content-type']
  const first: unknown = Array.isArray(named) ? named[0] : named
  return typeof first === 'string' ? first : ''
}

/** Reads the reply to a request, which comes as JSON or at the end of an event stream. Rejects with `UpstreamFailure` or the abort. */
export async function readReply(response: Incoming, post: Post, id: number | string): Promise<RpcReply> {
  const type = typeOf(response)
  const { statusCode } = response
  if (statusCode === 401 || statusCode === 403) {
    await response.dump().catch(() => {})
    throw new UpstreamRefusal(statusCode, response.headers['www-authenticate'])
  }
  if (type.startsWith('text/event-stream') && statusCode === 200) return readEvents(response, post, id)
  const isJson = type.startsWith('application/json')
  const read = await readText(response, post, { large: isJson && statusCode === 200 ? id : null })
  if (typeof read !== 'string') return read
  const message = isJson ? parse(read, post) : null
  const beside = { status: statusCode, rule: stdioRuleIn(response.headers[stdioRuleHeader]) }
  const reply = message && replyOf(message, statusCode === 200 ? id : null, beside)
  if (statusCode === 404 && post.headers['mcp-session-id']) {
    throw new UpstreamFailure('session_gone', 'it does not know the session')
  }
  if (reply) return shallow(reply, post)
  throw new UpstreamFailure('malformed', `it answered with status ${statusCode} and no MCP message`)
}

/** Posts a notification or a response; returns the HTTP status, whatever it is. */
export async function postNotification(post: Post): Promise<number> {
  const response = await send(post)
  await response.dump()
  return response.statusCode
}

/** Sends a request of another kind (GET, DELETE, or a POST whose headers matter) and leaves its answer to the caller. */
export function send(post: Post, method: 'POST' | 'GET' | 'DELETE' = 'POST'): Promise<Incoming> {
  return post.prover ? sendProven(post, method, post.prover) : sendOnce(post, method, post.headers)
}

/** With a proof, and once more with another one when the server wants a nonce in it: it has not looked at the request then. */
async function sendProven(post: Post, method: 'POST' | 'GET' | 'DELETE', prover: Prover): Promise<Incoming> {
  const prove = async () => sendOnce(post, method, { ...post.headers, dpop: await prover.proof(method) })
  const first = await prove()
  const { 'www-authenticate': challenge = null, 'dpop-nonce': nonce = null } = first.headers
  const answer = { status: first.statusCode, wwwAuthenticate: textOf(challenge), nonce: textOf(nonce) }
  if (!prover.wantsNonce(answer)) return first
  await first.dump()
  return await prove()
}

async function sendOnce(
  { pool, path, body, signal, silenceMs, sending }: Post,
  method: 'POST' | 'GET' | 'DELETE',
  headers: Record<string, string>,
): Promise<Incoming> {
  try {
    const timeouts = silenceMs === undefined ? {} : { bodyTimeout: silenceMs, headersTimeout: silenceMs }
    const options = { path, method, headers, body: method === 'POST' ? body : null, ...timeouts }
    return await Incoming.of(pool, options, signal, sending)
  } catch (error) {
    signal.throwIfAborted()
    const code = codeOf(error)
    // The connection was there and ended without an answer, as one does that the server closes for having been idle.
    const kind = code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE' ? 'dropped' : 'unreachable'
    throw new UpstreamFailure(kind, `it could not be reached (${code})`)
  }
}

function textOf(header: string | string[] | null): string | null {
  return Array.isArray(header) ? header.join(', ') : header
}

async function readEvents(response: Incoming, post: Post, id: number | string): Promise<RpcReply> {
  const splitter = new SseSplitter({ holdBytesMax: heldMax(post) })
  const held = new HeldBytes(post.room)
  let size = 0
  let last = null as { id: string; retry: number | null } | null
  let retry: number | null = null
  // Handed over with the rest of the stream, or left here.
  let open = true
  const onCut = (): void => {
    if (open && last) response.destroy()
  }
  post.cut?.addEventListener('abort', onCut)
  try {
    for (let chunk = nextOf(response, post); ; chunk = nextOf(response, post)) {
      const bytes = chunk instanceof Promise ? await chunk : chunk
      if (bytes === null) break
      size += bytes.length
      const items = splitter.push(bytes)
      for (const [at, item] of items.entries()) {
        if (item.kind === 'piece') {
          if (post.streamFromBytes === 0) throw tooLarge(post)
          open = false
          return await large(piecesOf({ splitter, first: items.slice(at), response, post }), post, id)
        }
        if (item.id !== null) post.marked?.()
        const message = parse(post.redact(item.data), post)
        const reply = message && replyOf(message, id, { status: 200, rule: stdioRuleIn(item.type) })
        if (reply) return shallow(reply, post)
        retry = item.retry ?? retry
        if (item.id !== null) last = { id: item.id, retry }
        else if (last) last.retry = retry
        // Nobody looks at what is nested without end.
        if (isDeeperThan(message, post.resultDepthMax + 2)) continue
        const taken = post.relay?.take(message, item)
        if (taken) await untilAborted(taken, post.signal)
      }
      if (size > Math.max(post.resultBytesMax, post.streamBytesMax)) throw tooLarge(post)
      if (post.streamFromBytes === 0) countHeld(post, { size, bytes: bytes.length })
      held.become(splitter.heldBytes)
    }
  } catch (error) {
    if (open) response.destroy()
    // The rest of it may still be had, as after a stream that the server ended.
    if (last && error instanceof UpstreamFailure && error.kind === 'unreachable') throw new CutOff(last)
    throw error
  } finally {
    held.end()
    post.cut?.removeEventListener('abort', onCut)
    // A server ends the stream after its reply: the connection is used again.
    if (open) response.leave()
  }
  if (last) throw new CutOff(last)
  throw new UpstreamFailure('malformed', 'its event stream ended without the reply')
}

/** The pieces of one event, to its end. */
async function* piecesOf(from: {
  splitter: SseSplitter
  first: readonly SseItem[]
  response: Incoming
  post: Post
}): AsyncGenerator<Buffer> {
  const { splitter, response, post } = from
  let isOver = false
  try {
    for (let items = from.first; ;) {
      for (const item of items) {
        isOver = item.kind !== 'piece' || item.last
        if (item.kind === 'piece') yield item.bytes
        if (isOver) return
      }
      const bytes = await nextOf(response, post)
      if (bytes === null) return
      items = splitter.push(bytes)
    }
  } finally {
    if (isOver) response.leave()
    else response.destroy()
  }
}

async function* withFirst(first: readonly Buffer[], response: Incoming, post: Post): AsyncGenerator<Buffer> {
  try {
    yield* first
    for (let bytes = await nextOf(response, post); bytes !== null; bytes = await nextOf(response, post)) yield bytes
  } finally {
    response.destroy()
  }
}

/** A reply that is passed on while it arrives, from where it is known to be a result. */
async function large(pieces: AsyncGenerator<Buffer>, post: Post, id: number | string): Promise<RpcReply> {
  const { resultDepthMax: depthMax, streamBytesMax: bytesMax, redact } = post
  return { ok: true, result: {}, large: await LargeReply.open(pieces, { id, depthMax, bytesMax, redact }) }
}

/** Small answers are held as they come. Of large ones no more is held than this broker may hold of all together. */
function countHeld(post: Post, { size, bytes }: { size: number; bytes: number }): void {
  if (size <= uncountedBytes || !post.hold || post.hold(size - bytes < uncountedBytes ? size : bytes)) return
  throw new UpstreamFailure(
    'too_large',
    `it answers with more than ${uncountedBytes} bytes while many such answers are under way`,
  )
}

/** What may be in memory of one reply. */
function heldMax({ streamFromBytes, resultBytesMax }: Post): number {
  return streamFromBytes > 0 ? Math.min(streamFromBytes, resultBytesMax) : resultBytesMax
}

function tooLarge({ streamFromBytes, streamBytesMax, resultBytesMax }: Post): UpstreamFailure {
  const max = streamFromBytes > 0 ? Math.max(streamBytesMax, resultBytesMax) : resultBytesMax
  return new UpstreamFailure('too_large', `it answers with more than ${max} bytes`, max, streamFromBytes > 0)
}

/** Hands every event of a stream to the relay until it ends. A message may be as large as a held result, a stream as long as it likes. */
export async function readStream(response: Incoming, post: Post & { relay: Relay }): Promise<void> {
  const splitter = new SseSplitter({ holdBytesMax: post.resultBytesMax })
  const held = new HeldBytes(post.room)
  try {
    for (let bytes = await nextOf(response, post); bytes !== null; bytes = await nextOf(response, post)) {
      for (const item of splitter.push(bytes)) {
        if (item.kind === 'piece')
          throw new UpstreamFailure('too_large', `it sends a message of more than ${post.resultBytesMax} bytes`)
        const message = boundedIn(parse(post.redact(item.data), post), post)
        if (message === undefined) continue
        const taken = post.relay.take(message, item)
        if (taken) await untilAborted(taken, post.signal)
      }
      held.become(splitter.heldBytes)
    }
  } finally {
    held.end()
    response.destroy()
  }
}

/** The whole body; with `large` a reply of that id instead, as soon as there is more than may be held. */
async function readText(
  response: Incoming,
  post: Post,
  options: { large: number | string | null },
): Promise<string | RpcReply> {
  const held: Buffer[] = []
  const streams = options.large !== null && post.streamFromBytes > 0
  const max = streams ? heldMax(post) : post.resultBytesMax
  let open = true
  try {
    // What says that it will be too long is refused before anything of it is passed on.
    if (Number(response.headers['content-length'] ?? 0) > (streams ? post.streamBytesMax : max)) throw tooLarge(post)
    let size = 0
    for (let chunk = nextOf(response, post); ; chunk = nextOf(response, post)) {
      const bytes = chunk instanceof Promise ? await chunk : chunk
      if (bytes === null) break
      size += bytes.length
      held.push(bytes)
      if (!streams) countHeld(post, { size, bytes: bytes.length })
      if (size <= max) continue
      if (!streams) throw tooLarge(post)
      open = false
      return await large(withFirst(held, response, post), post, options.large!)
    }
  } finally {
    if (open) response.destroy()
  }
  const bytes = held.length === 1 ? held[0]! : Buffer.concat(held)
  return post.redact(bytes.toString('utf8'))
}

/** The next bytes of a body; null at its end. A promise only when they are not here yet, which they mostly are. */
function nextOf(response: Incoming, post: Post): Buffer | null | Promise<Buffer | null> {
  try {
    const bytes = response.take()
    return bytes === undefined ? response.more().then(() => nextOf(response, post)) : bytes
  } catch (error) {
    post.signal.throwIfAborted()
    throw new UpstreamFailure('unreachable', `its connection broke (${codeOf(error)})`)
  }
}

function parse(text: string, { exact }: Pick<Post, 'exact'>): Record<string, unknown> | null {
  try {
    const value: unknown = exact ? parseExactly(text) : parseJson(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
    const message = value as Record<string, unknown>
    return isNamed(message) ? message : null
  } catch {
    return null
  }
}

/** The reply to this request; null for anything else. A failed HTTP exchange may answer without an id. */
function replyOf(message: RpcMessage, id: number | string | null, beside: Beside): RpcReply | null {
  if (id !== null && message['id'] !== id) return null
  const { result, error } = message
  if (typeof result === 'object' && result !== null) return { ok: true, result: result as Record<string, unknown> }
  if (typeof error !== 'object' || error === null) return null
  const { code, message: text, data } = error as Partial<RpcError>
  if (typeof code !== 'number' || typeof text !== 'string') return null
  return { ok: false, ...beside, error: { code, message: text, ...(data === undefined ? {} : { data }) } }
}

/** Of a reply that is nested too deeply its asker hears so; whatever else is, nobody looks at. */
function boundedIn(message: RpcMessage | null, { resultDepthMax }: Post): RpcMessage | null | undefined {
  if (!message || !isDeeperThan(message, resultDepthMax + 2)) return message
  const { jsonrpc, id, method } = message
  if (id === undefined || method !== undefined) return undefined
  const error = { code: -32603, message: `The server's answer is nested deeper than ${resultDepthMax} levels.` }
  return { jsonrpc, id, error }
}

function shallow(reply: RpcReply, { resultDepthMax }: Post): RpcReply {
  if (!isDeeperThan(reply.ok ? reply.result : reply.error.data, resultDepthMax)) return reply
  throw new UpstreamFailure('too_deep', `its answer is nested deeper than ${resultDepthMax} levels`, resultDepthMax)
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : 'no reason given'
}

/** Nobody gives messages other ids or methods, and whoever answers a message has to give its id back as it is. */
function isNamed({ id, method }: Record<string, unknown>): boolean {
  const isId = id === undefined || id === null || typeof id === 'string' || typeof id === 'number'
  return isId && (method === undefined || typeof method === 'string')
}
