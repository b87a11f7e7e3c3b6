import { isDeeperThan } from '../depth.ts'
import type { Dispatcher, Pool } from 'undici'
import type { RpcError } from '../wire.ts'
import type { Shown } from './credential.ts'
import type { Redact } from './redaction.ts'
import { SseReader } from './sse.ts'

/** The upstream could not be asked or did not answer as MCP says; `message` is safe to show. */
export class UpstreamFailure extends Error {
  override readonly name: string = 'UpstreamFailure'
  readonly kind: 'unreachable' | 'dropped' | 'refused' | 'session_gone' | 'malformed' | 'too_large' | 'too_deep'

  constructor(kind: UpstreamFailure['kind'], message: string) {
    super(message)
    this.kind = kind
  }
}

/** The server refuses what it was shown, and says what it wants instead. */
export class UpstreamRefusal extends UpstreamFailure {
  readonly challenge: { status: number; wwwAuthenticate: string | null }
  /** What it refuses. */
  shown: Shown | null = null

  constructor(status: number, wwwAuthenticate: unknown) {
    super('refused', `it refuses the broker's credential (${status})`)
    this.challenge = { status, wwwAuthenticate: typeof wwwAuthenticate === 'string' ? wwwAuthenticate : null }
  }
}

export type RpcReply = { ok: true; result: Record<string, unknown> } | { ok: false; error: RpcError }

type Post = {
  pool: Pool
  path: string
  headers: Record<string, string>
  body: string
  signal: AbortSignal
  resultBytesMax: number
  resultDepthMax: number
  /** Takes the credential out of what the server says. */
  redact: Redact
}

/** Posts one request and reads its reply, which comes as JSON or at the end of an event stream. Rejects with `UpstreamFailure` or the abort. */
export async function postRequest(post: Post, id: number): Promise<RpcReply> {
  const response = await send(post)
  const type = String(response.headers['content-type'] ?? '')
  const { statusCode } = response
  if (statusCode === 401 || statusCode === 403) {
    return discard(response, new UpstreamRefusal(statusCode, response.headers['www-authenticate']))
  }
  if (type.startsWith('text/event-stream') && statusCode === 200) return readEvents(response, post, id)
  const text = await readText(response, post)
  const message = type.startsWith('application/json') ? parse(text) : null
  const reply = message && replyOf(message, statusCode === 200 ? id : null)
  if (statusCode === 404 && post.headers['mcp-session-id']) {
    throw new UpstreamFailure('session_gone', 'it does not know the session')
  }
  if (reply) return shallow(reply, post)
  throw new UpstreamFailure('malformed', `it answered with status ${statusCode} and no MCP message`)
}

/** Posts a notification and does not care what comes back. */
export async function postNotification(post: Post): Promise<void> {
  const response = await send(post)
  await response.body.dump()
}

async function send({ pool, path, headers, body, signal }: Post): Promise<Dispatcher.ResponseData> {
  try {
    return await pool.request({ path, method: 'POST', headers, body, signal })
  } catch (error) {
    signal.throwIfAborted()
    const code = codeOf(error)
    // The connection was there and ended without an answer, as one does that the server closes for having been idle.
    const kind = code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE' ? 'dropped' : 'unreachable'
    throw new UpstreamFailure(kind, `it could not be reached (${code})`)
  }
}

async function readEvents(response: Dispatcher.ResponseData, post: Post, id: number): Promise<RpcReply> {
  const reader = new SseReader()
  let size = 0
  for await (const chunk of chunksOf(response, post)) {
    size += chunk.length
    if (size > post.resultBytesMax)
      throw new UpstreamFailure('too_large', `it answers with more than ${post.resultBytesMax} bytes`)
    for (const data of reader.push(chunk)) {
      const message = parse(post.redact(data))
      const reply = message && replyOf(message, id)
      if (reply) return shallow(reply, post)
    }
  }
  throw new UpstreamFailure('malformed', 'its event stream ended without the reply')
}

async function readText(response: Dispatcher.ResponseData, post: Post): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of chunksOf(response, post)) {
    size += chunk.length
    if (size > post.resultBytesMax)
      throw new UpstreamFailure('too_large', `it answers with more than ${post.resultBytesMax} bytes`)
    chunks.push(chunk)
  }
  const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  return post.redact(bytes.toString('utf8'))
}

async function* chunksOf(response: Dispatcher.ResponseData, post: Post): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of response.body) yield chunk as Buffer
  } catch (error) {
    post.signal.throwIfAborted()
    if (error instanceof UpstreamFailure) throw error
    throw new UpstreamFailure('unreachable', `its connection broke (${codeOf(error)})`)
  }
}

async function discard(response: Dispatcher.ResponseData, failure: UpstreamFailure): Promise<never> {
  await response.body.dump().catch(() => {})
  throw failure
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

/** The reply to this request; null for anything else. A failed HTTP exchange may answer without an id. */
function replyOf(message: Record<string, unknown>, id: number | null): RpcReply | null {
  if (id !== null && message['id'] !== id) return null
  const { result, error } = message
  if (typeof result === 'object' && result !== null) return { ok: true, result: result as Record<string, unknown> }
  if (typeof error !== 'object' || error === null) return null
  const { code, message: text, data } = error as Partial<RpcError>
  if (typeof code !== 'number' || typeof text !== 'string') return null
  return { ok: false, error: { code, message: text, ...(data === undefined ? {} : { data }) } }
}

function shallow(reply: RpcReply, { resultDepthMax }: Post): RpcReply {
  if (!isDeeperThan(reply.ok ? reply.result : reply.error.data, resultDepthMax)) return reply
  throw new UpstreamFailure('too_deep', `its answer is nested deeper than ${resultDepthMax} levels`)
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : 'no reason given'
}
