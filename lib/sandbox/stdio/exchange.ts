import type { IncomingMessage, ServerResponse } from 'node:http'
import { stdioRuleHeader } from '#lib/core/stdio-ticket.ts'
import type { Backlog } from './backlog.ts'
import type { ResultSink } from './large-result.ts'
import { failureMessage, type Message, type StdioFailure } from './messages.ts'

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
    this.#event('message', message)
  }

  finish(message: Message, status = 200): void {
    this.#finish(message, { status, type: 'message', headers: {} })
  }

  /** Says why there is no reply. Its rule stands beside the body, which a program has no part in. */
  fail(failure: StdioFailure, about: { id: unknown; status: number; stderr?: readonly string[] | null }): void {
    const { rule } = failure
    const { id, status, stderr = null } = about
    this.#finish(failureMessage(id, failure, stderr), { status, type: rule, headers: { [stdioRuleHeader]: rule } })
  }

  #finish(message: Message, as: { status: number; type: string; headers: Record<string, string> }): void {
    if (this.isClosed) return
    if (this.#isStream) {
      this.#event(as.type, message)
      this.#response.end()
      return
    }
    this.#response.writeHead(as.status, { 'content-type': 'application/json', ...this.#headers, ...as.headers })
    this.#response.end(JSON.stringify(message))
    this.#backlog?.wrote()
  }

  #event(type: string, message: Message): void {
    this.#response.write(`event: ${type}\ndata: ${JSON.stringify(message)}\n\n`)
    this.#backlog?.wrote()
  }

  /** A result that is passed on while it comes; what fails on its way breaks the exchange off, so that nobody takes a part for the whole. */
  result(id: unknown): ResultSink {
    const response = this.#response
    const isStream = this.#isStream
    const write = (bytes: Buffer | string): void => {
      if (this.isClosed) return
      response.write(bytes)
      this.#backlog?.wrote()
    }
    if (!isStream && !this.isClosed) response.writeHead(200, { 'content-type': 'application/json', ...this.#headers })
    write(`${isStream ? 'event: message\ndata: ' : ''}{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":`)
    return {
      write,
      ready: async (ms) => {
        if (response.writableNeedDrain) await drained(response, ms)
        return !this.isClosed && !response.writableNeedDrain
      },
      end: () => {
        write(isStream ? '}\n\n' : '}')
        response.end()
      },
      fail: () => void response.destroy(),
    }
  }

  /** Without a message: 202 for what needs no answer, or the end of a stream. */
  close(status = 202): void {
    if (this.isClosed) return
    if (!this.#isStream) this.#response.writeHead(status, this.#headers)
    this.#response.end()
  }
}

/** Resolves when the reader has caught up or is gone, or the time is over. */
async function drained(response: ServerResponse, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  response.once('drain', resolve).once('close', resolve)
  await promise
  clearTimeout(timer)
  response.off('drain', resolve).off('close', resolve)
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
