import type { IncomingMessage, ServerResponse } from 'node:http'
import { requestTooLarge } from '#lib/guardrails/rules/request-limits.ts'
import type { Answer } from '../wire.ts'

export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge'
}

/** Reads a body of at most `bytesMax` bytes, whatever its declared length says. Listens instead of iterating, which costs less. */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    // Not destroyed: the answer goes over the same connection.
    const refuse = (): void => {
      request.off('data', take).pause()
      reject(new BodyTooLarge(requestTooLarge({ requestBytesMax: bytesMax }).message))
    }
    const take = (chunk: Buffer): void => {
      size += chunk.length
      if (size > bytesMax) refuse()
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
