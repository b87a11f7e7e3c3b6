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
type Hold = (bytes: number) => BodyRefusal | null

/** Reads a body of at most `bytesMax` bytes, whatever its declared length says; each part of it is told to `hold` first. Listens instead of iterating, which costs less. */
export function readBody(request: IncomingMessage, bytesMax: number, hold?: Hold): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    // Not destroyed: the answer goes over the same connection.
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

export function send(response: ServerResponse, { status, body, headers }: Answer): void {
  if (response.destroyed || response.headersSent) return
  response.writeHead(status, {
    ...(body === '' ? {} : { 'content-type': 'application/json' }),
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...headers,
  })
  response.end(body)
}
