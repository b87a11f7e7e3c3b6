import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'

/** Bytes that wait to be taken before the server is made to wait. */
const waitingMax = 64 * 1024
/** What a server still says after its answer is read to its end, so that the connection can be used again: so much and for so long at most. */
const dumpedMax = 128 * 1024
const restBytesMax = 64 * 1024
const restMs = 500

/**
 * An answer over HTTP: its head, and its body as it comes. Read straight from undici's parser: its streams and their iterators cost more than the rest of a small
 * answer, and whoever leaves one of them before its end closes the connection.
 */
export class Incoming implements Dispatcher.DispatchHandler {
  statusCode = 0
  headers: IncomingHttpHeaders = {}
  readonly #signal: AbortSignal
  readonly #sending: { sent: boolean } | undefined
  readonly #head = Promise.withResolvers<this>()
  #controller: Dispatcher.DispatchController | null = null
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #ended = false
  #failure: { error: unknown } | null = null
  #wake: (() => void) | null = null
  /** Bytes that may still come after nobody wants them any more; null: somebody does. */
  #rest: number | null = null
  #restTimer: NodeJS.Timeout | undefined

  private constructor(signal: AbortSignal, sending?: { sent: boolean }) {
    this.#signal = signal
    this.#sending = sending
    signal.addEventListener('abort', this.#abort)
  }

  /** Sends a request; resolves with the head of its answer. Rejects with the signal's reason at once, also while the request waits for a connection; `sending` is marked when it has one. */
  static of(
    dispatcher: Dispatcher,
    options: Dispatcher.DispatchOptions,
    signal: AbortSignal,
    sending?: { sent: boolean },
  ): Promise<Incoming> {
    const incoming = new Incoming(signal, sending)
    if (signal.aborted) incoming.#fail(signal.reason)
    else {
      try {
        dispatcher.dispatch(options, incoming)
      } catch (error) {
        incoming.#fail(error)
      }
    }
    return incoming.#head.promise
  }

  /** What has come, in parts as it came; null at the end, undefined when nothing is here yet. Throws what broke it off. */
  take(): Buffer | null | undefined {
    const chunk = this.#waiting.shift()
    if (chunk) {
      this.#waitingBytes -= chunk.length
      if (this.#controller?.paused && this.#waitingBytes <= waitingMax / 2) this.#controller.resume()
      return chunk
    }
    if (this.#failure) throw this.#failure.error
    return this.#ended ? null : undefined
  }

  /** Resolves when `take` has something to say. */
  more(): Promise<void> {
    if (this.#waiting.length > 0 || this.#ended || this.#failure) return Promise.resolve()
    return new Promise((resolve) => (this.#wake = resolve))
  }

  /** Reads it for nobody, so that the connection stays; one that is too long for that is broken off. */
  async dump(): Promise<void> {
    let bytes = 0
    for (let chunk = this.take(); chunk !== null; chunk = this.take()) {
      if (chunk === undefined) await this.more()
      else if ((bytes += chunk.length) > dumpedMax) return this.destroy()
    }
  }

  /** Nobody wants the rest: a short one is let come, so that the connection stays; a long one is broken off. Nothing to wait for. */
  leave(): void {
    this.#signal.removeEventListener('abort', this.#abort)
    this.#waiting = []
    this.#waitingBytes = 0
    if (this.#ended || this.#failure || this.#rest !== null) return
    this.#rest = restBytesMax
    this.#restTimer = setTimeout(() => this.destroy(), restMs)
    if (this.#controller?.paused) this.#controller.resume()
  }

  destroy(): void {
    if (this.#ended || this.#failure) return
    this.#fail(new Error('its answer was left'))
    this.#controller?.abort(new Error('its answer was left'))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#failure) controller.abort(errorOf(this.#failure.error))
    else if (this.#sending) this.#sending.sent = true
  }

  onResponseStart(_: Dispatcher.DispatchController, statusCode: number, headers: IncomingHttpHeaders): void {
    if (statusCode < 200) return
    this.statusCode = statusCode
    this.headers = headers
    this.#head.resolve(this)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#rest !== null) {
      this.#rest -= chunk.length
      if (this.#rest < 0) this.destroy()
      return
    }
    this.#waiting.push(chunk)
    this.#waitingBytes += chunk.length
    if (this.#waitingBytes > waitingMax) controller.pause()
    this.#rouse()
  }

  onResponseEnd(): void {
    this.#ended = true
    this.#over()
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error)
  }

  readonly #abort = (): void => {
    const { reason } = this.#signal
    this.#fail(reason)
    this.#controller?.abort(errorOf(reason))
  }

  /** The first reason counts. */
  #fail(error: unknown): void {
    if (this.#ended || this.#failure) return
    this.#failure = { error }
    this.#waiting = []
    this.#head.reject(error)
    this.#over()
  }

  #over(): void {
    clearTimeout(this.#restTimer)
    this.#signal.removeEventListener('abort', this.#abort)
    this.#rouse()
  }

  #rouse(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }
}

function errorOf(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('the request was given up')
}
