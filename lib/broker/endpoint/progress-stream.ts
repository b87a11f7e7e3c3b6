import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HoldProgress } from '../holding/hold.ts'
import type { Answer } from '../wire.ts'
import { send } from './http-messages.ts'

/**
 * Tells a caller that takes an event stream and named a progress token how its waiting goes on; its answer then ends the stream. Whoever takes none is
 * answered once, at the end.
 */
export class ProgressStream {
  readonly #response: ServerResponse
  readonly #token: string | number | null
  #steps = 0

  constructor(request: IncomingMessage, response: ServerResponse, params: Record<string, unknown>) {
    this.#response = response
    const meta = params['_meta'] as { progressToken?: unknown } | null | undefined
    const token = meta?.progressToken
    const takesEvents = request.headers.accept?.includes('text/event-stream') === true
    this.#token = takesEvents && (typeof token === 'string' || typeof token === 'number') ? token : null
  }

  get onProgress(): ((progress: HoldProgress) => void) | undefined {
    return this.#token === null ? undefined : (progress) => this.#tell(progress)
  }

  finish(answer: Answer): void {
    if (!this.#response.headersSent) return send(this.#response, answer)
    if (!this.#response.destroyed) this.#response.end(`event: message\ndata: ${answer.body}\n\n`)
  }

  #tell({ waitedMs, totalMs, message }: HoldProgress): void {
    const response = this.#response
    if (response.destroyed) return
    if (!response.headersSent) {
      response.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store, no-transform',
        'x-accel-buffering': 'no',
      })
    }
    // Progress must grow with each notification, whatever the clock says.
    this.#steps += 1
    const progress = Math.max(this.#steps, Math.round(waitedMs / 1000))
    const params = { progressToken: this.#token, progress, total: Math.ceil(totalMs / 1000), message }
    const notification = { jsonrpc: '2.0', method: 'notifications/progress', params }
    response.write(`event: message\ndata: ${JSON.stringify(notification)}\n\n`)
  }
}
