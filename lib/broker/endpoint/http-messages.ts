import type { IncomingMessage, ServerResponse } from 'node:http'
import { requestTooLarge } from '#lib/guardrails/rules/request-limits.ts'
import type { Answer } from '../wire.ts'
import type { BodyRefusal } from './request-bodies.ts'

export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge'
}

/** A body that may not be read on now, however long it is. */
export class BodyRefused extends Error {
  override readonly name = 'BodyRefused'
  readonly refusal: BodyRefusal

  constructor(refusal: BodyRefusal) {
    super(refusal.denial.message)
    this.refusal = refusal
  }
}

/** What a piece takes besides what it holds: a body may come byte by byte. */
const chunkBytes = 256
const unreadMs = 5000
type Hold = (bytes: number) => BodyRefusal | null

/** Reads a body of at most `bytesMax` bytes, whatever its declared length says; each part of it is told to `hold` first. Listens instead of iterating, which costs less. */
export function readBody(request: IncomingMessage, bytesMax: number, hold?: Hold): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    // Not destroyed: the answer goes over the same connection (`sendUnread`).
    const refuse = (refusal?: BodyRefusal | null): void => {
      request.off('data', take).pause()
      chunks.length = 0
      reject(
        refusal ? new BodyRefused(refusal) : new BodyTooLarge(requestTooLarge({ requestBytesMax: bytesMax }).message),
      )
    }
    const take = (chunk: Buffer): void => {
      size += chunk.length
      if (size > bytesMax) return refuse()
      const refusal = hold?.(chunk.length + chunkBytes)
      if (refusal) refuse(refusal)
      else chunks.push(chunk)
    }
    if (Number(request.headers['content-length'] ?? 0) > bytesMax) return refuse()
    request.on('data', take)
    request.once('end', () => resolve((chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString('utf8')))
    request.once('error', reject)
    // Of every request: an error costs its stack, so there is one only where it is needed.
    request.once('close', () => {
      if (!request.readableEnded) reject(new Error('The request broke off.'))
    })
  })
}

export function singleHeader(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

export function send(response: ServerResponse, answer: Answer): void {
  if (begin(response, answer)) response.end(answer.body)
}

/**
 * Answers a request whose body was not read to its end, and closes the connection. Whoever says all before it reads would never see the answer of a connection that is closed at
 * once: what still comes is thrown away until then, as much as a body may be and for a while.
 */
export function sendUnread(
  request: IncomingMessage,
  response: ServerResponse,
  { bytesMax, ...answer }: Answer & { bytesMax: number },
): void {
  if (!begin(response, { ...answer, headers: { ...answer.headers, connection: 'close' } })) return
  response.write(answer.body)
  let left = bytesMax
  const end = (): void => {
    clearTimeout(timer)
    request.off('data', drop)
    response.end()
  }
  const drop = (chunk: Buffer): void => {
    left -= chunk.length
    if (left < 0) end()
  }
  const timer = setTimeout(end, unreadMs)
  request.on('data', drop).once('end', end).once('close', end).resume()
}

function begin(response: ServerResponse, { status, body, headers }: Answer): boolean {
  if (response.destroyed || response.headersSent) return false
  response.writeHead(status, {
    ...(body === '' ? {} : { 'content-type': 'application/json' }),
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...headers,
  })
  return true
}
