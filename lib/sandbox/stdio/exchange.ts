import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Backlog } from './backlog.ts'
import type { Message } from './messages.ts'

/** One answer over HTTP: JSON when the reply is all there is to say, an event stream from the moment something comes before it. */
export class Exchange {
  readonly #response: ServerResponse
  readonly #headers: Record<string, string>
  #backlog: Backlog | null = null
  #isStream = false

  constructor(response: ServerResponse, headers: Record<string, string> = {}) {
    this.#response = response
    this.#headers = headers
  }

  get isClosed(): boolean {
    return this.#response.closed || this.#response.destroyed
  }

  watchedBy(backlog: Backlog): void {
    this.#backlog = backlog
    backlog.watch(this.#response)
  }

  /** Begins the event stream now, so that the client knows it is heard. */
  stream(): void {
    if (this.#isStream || this.isClosed) return
    this.#isStream = true
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      ...this.#headers,
    })
    this.#response.flushHeaders()
  }

  event(message: Message): void {
    if (this.isClosed) return
    this.stream()
    this.#response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`)
    this.#backlog?.wrote()
  }

  finish(message: Message, status = 200): void {
    if (this.isClosed) return
    if (this.#isStream) {
      this.event(message)
      this.#response.end()
      return
    }
    this.#response.writeHead(status, { 'content-type': 'application/json', ...this.#headers })
    this.#response.end(JSON.stringify(message))
    this.#backlog?.wrote()
  }

  /** Without a message: 202 for what needs no answer, or the end of a stream. */
  close(status = 202): void {
    if (this.isClosed) return
    if (!this.#isStream) this.#response.writeHead(status, this.#headers)
    this.#response.end()
  }
}

/** The body, or null when it is longer than allowed. */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<string | null> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).length
    if (size > bytesMax) return null
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString()
}
