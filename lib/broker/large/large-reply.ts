import { UpstreamFailure } from '../upstream/failure.ts'
import type { Running } from '../in-flight.ts'
import type { Redact } from '#lib/core/redaction.ts'
import { ResultScanner, ScanError } from './result-scanner.ts'

type Options = { id: number | string; depthMax: number; bytesMax: number; redact: Redact }

/**
 * The reply to a request that is too large to hold: its result, read once and while it arrives. Whether it was whole, of the right id and within the limits is known at its end only,
 * so whoever passes it on must not end before `result` has.
 */
export class LargeReply {
  /** Takes the server's credential out of what it says. */
  readonly redact: Redact
  readonly #pieces: AsyncGenerator<Buffer>
  readonly #scanner: ResultScanner
  readonly #options: Options
  /** Of the result, read while it was not yet known to be one. */
  #first: Buffer[] = []
  #bytes = 0
  /** Whether the server speaks a revision before 2026-07-28, whose results say no type. */
  isLegacy = false
  /** Done when it is closed, once: what it comes out of lasts as long. */
  onClose: (() => void) | null = null
  /** Done when it is let go before its end, once. */
  onLeft: (() => void) | null = null
  /** The call that it comes out of, where that is another than the one that passes it on. */
  origin: Running | null = null

  private constructor(pieces: AsyncGenerator<Buffer>, options: Options) {
    this.redact = options.redact
    this.#pieces = pieces
    this.#options = options
    this.#scanner = new ResultScanner({ depthMax: options.depthMax })
  }

  /** Reads until the reply is known to be a result; an error that is too large is none that could be passed on. Rejects with `UpstreamFailure`. */
  static async open(pieces: AsyncGenerator<Buffer>, options: Options): Promise<LargeReply> {
    const reply = new LargeReply(pieces, options)
    while (!reply.#scanner.sawResult) {
      const part = await reply.#next()
      if (part === null) throw await reply.#failed('malformed', 'it answers with no result')
      reply.#first.push(...part)
    }
    return reply
  }

  /** Whether the result said that the tool failed; known at its end. */
  get isError(): boolean {
    return this.#scanner.isError
  }

  /** Of the reply, as it came so far. */
  get bytes(): number {
    return this.#bytes
  }

  /** The bytes of the result. Throws `UpstreamFailure` or what ended the call. */
  async *result(): AsyncGenerator<Buffer> {
    const first = this.#first
    this.#first = []
    yield* first
    for (let part = await this.#next(); part !== null; part = await this.#next()) yield* part
    const { done, resultType } = this.#scanner
    if (!done) throw new UpstreamFailure('malformed', 'its answer ends in the middle')
    if (this.#scanner.member('id') !== this.#options.id)
      throw new UpstreamFailure('malformed', 'it answers to another request')
    // What a server asks for has to be decided and recorded, so it is never passed on unseen.
    if (resultType !== undefined && resultType !== 'complete')
      throw new UpstreamFailure('malformed', 'it asks for something in an answer that is too large to look at')
  }

  /** Lets go of the connection, whatever is still to come, and of what was kept for it. */
  async close(): Promise<void> {
    await this.#pieces.return(undefined)
    const { onClose, onLeft } = this
    this.onClose = this.onLeft = null
    if (!this.#scanner.done) onLeft?.()
    onClose?.()
  }

  async #next(): Promise<Buffer[] | null> {
    const next = await this.#pieces.next()
    if (next.done) return null
    this.#bytes += next.value.length
    const { bytesMax } = this.#options
    if (this.#bytes > bytesMax)
      throw await this.#failed('too_large', `it answers with more than ${bytesMax} bytes`, bytesMax)
    try {
      const parts = this.#scanner.push(next.value)
      const id = this.#scanner.member('id')
      if (id === undefined || id === this.#options.id) return parts
    } catch (error) {
      if (!(error instanceof ScanError)) throw error
      if (!error.tooDeep) throw await this.#failed('malformed', 'its answer is no MCP message')
      const { depthMax } = this.#options
      throw await this.#failed('too_deep', `its answer is nested deeper than ${depthMax} levels`, depthMax)
    }
    throw await this.#failed('malformed', 'it answers to another request')
  }

  async #failed(kind: UpstreamFailure['kind'], message: string, limit?: number): Promise<UpstreamFailure> {
    await this.close()
    return new UpstreamFailure(kind, message, limit, true)
  }
}
