import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { CallEnded } from '../in-flight.ts'
import type { EventMark, RpcMessage } from '../upstream/http.ts'
import { type Answer, cutAnswer, type Era } from '../wire.ts'
import { send } from './http-messages.ts'

const keepAliveMs = 15_000
const unreadMs = 2000

/** The answer to one request of an agent: JSON as long as nothing comes before it, else a stream of events that ends with it. */
export class AgentStream {
  /** Whether the agent takes events. One that does not is sent the answer alone. */
  readonly accepts: boolean
  readonly #response: ServerResponse
  /** Whether it would have events rather than JSON, as servers before 2026-07-28 answer. */
  readonly #prefers: boolean
  #keepAlive: NodeJS.Timeout | undefined

  constructor(response: ServerResponse, accept: string | undefined, era: Era) {
    this.#response = response
    this.accepts = accept !== undefined && accept.includes('text/event-stream')
    this.#prefers = era === 'legacy' && accept !== undefined && accept.startsWith('text/event-stream')
  }

  /** Whether an event that is sent now has a chance to arrive. */
  get takes(): boolean {
    return this.accepts && !this.#response.writableEnded && !this.#response.destroyed
  }

  /** Sends a message, or with null only the mark of an event. To wait for the promise is to go no faster than the agent reads. */
  send(message: RpcMessage | null, mark?: EventMark): Promise<void> | void {
    if (!this.accepts || !this.#begin()) return
    const taken = this.#response.write(eventOf(message === null ? '' : JSON.stringify(message), mark))
    if (!taken) return drained(this.#response)
  }

  /** The status line and the headers, before there is anything to say. */
  open(): void {
    this.#begin()
    this.#response.flushHeaders()
  }

  /** Resolves when the answer is written; a body that comes in parts and fails breaks the exchange off. */
  async finish(answer: Answer): Promise<void> {
    if (answer.stream) return await this.#pass(answer.stream)
    if (answer === cutAnswer) return this.cut()
    if (!this.#response.headersSent && !(this.#prefers && answer.status === 200)) return send(this.#response, answer)
    this.#begin()
    clearInterval(this.#keepAlive)
    if (!this.#response.writableEnded) this.#end(eventOf(answer.body))
  }

  /** Ends the stream without an answer: the agent can ask for the rest, or knows that there is none. */
  cut(): void {
    if (!this.#response.headersSent) this.#begin()
    clearInterval(this.#keepAlive)
    this.#end('')
  }

  /** Whoever did not read what came before may not read the end either, and is not waited for. */
  #end(last: string): void {
    const response = this.#response
    const isBehind = response.writableNeedDrain
    response.end(last)
    if (!isBehind) return
    const timer = setTimeout(() => response.destroy(), unreadMs)
    response.once('close', () => clearTimeout(timer))
  }

  async #pass(stream: NonNullable<Answer['stream']>): Promise<void> {
    const response = this.#response
    const asEvent = response.headersSent || this.#prefers
    if (asEvent) this.#begin()
    else response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    clearInterval(this.#keepAlive)
    try {
      if (asEvent) response.write('event: message\ndata: ')
      await stream((text) => {
        if (response.destroyed) throw new CallEnded(null)
        // Between its members JSON may break lines; within an event it must not.
        if (!response.write(asEvent ? text.replaceAll(/[\r\n]/g, ' ') : text)) return drained(response)
      })
      response.end(asEvent ? '\n\n' : '')
    } catch {
      response.destroy()
    }
  }

  #begin(): boolean {
    const response = this.#response
    if (response.writableEnded || response.destroyed) return false
    if (response.headersSent) return true
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    this.#keepAlive = setInterval(() => response.write(': keep-alive\n\n'), keepAliveMs)
    response.once('close', () => clearInterval(this.#keepAlive))
    return true
  }
}

function eventOf(data: string, mark?: EventMark): string {
  const id = mark?.id ? `id: ${mark.id}\n` : ''
  const retry = mark?.retry ? `retry: ${mark.retry}\n` : ''
  return `${id}${retry}event: message\ndata: ${data}\n\n`
}

async function drained(response: ServerResponse): Promise<void> {
  const closed = new AbortController()
  try {
    await Promise.race([
      once(response, 'drain', { signal: closed.signal }),
      once(response, 'close', { signal: closed.signal }),
    ])
  } finally {
    closed.abort()
  }
}
