import { isRecord } from '#lib/core/is-record.ts'
import { type Message, StdioFailure } from './messages.ts'
import type { StreamRedactor } from './redaction.ts'

/**
 * Where a result goes that is passed on while it comes. `ready`: whether its reader has taken most of it within so many milliseconds; false also when it is gone. `fail`: what was passed
 * on is not the whole, and must not look like it.
 */
export type ResultSink = {
  write(bytes: Buffer): void
  ready?(ms: number): Promise<boolean>
  end(): void
  fail(): void
}

/** Takes the rest of a line. */
export type LineSink = { write(bytes: Buffer): void; end(): void }

type Options = {
  /** Whom it has to answer; null: that is known at its end. */
  id: number | null
  bytesMax: number
  redactor: StreamRedactor
  sink: ResultSink
  /** `id`: whom it answers, when nothing failed. */
  onEnd: (failure: StdioFailure | null, id: number | null) => void
}

const beginBytes = 256
/** What stands after the result: an id at most. */
const restBytesMax = 1024
const byte = { quote: 0x22, backslash: 0x5c } as const
const opening = new Set([0x7b, 0x5b])
const closing = new Set([0x7d, 0x5d])

/** Where the result begins in a line that begins as libraries write an answer, and whom it answers if that is said before it; null for any other line. */
export function resultIn(begin: Buffer): { at: number; id: number | null } | null {
  const head = begin.toString('latin1', 0, beginBytes)
  const found = /^\{\s*(?:"jsonrpc":\s*"2\.0",\s*)?(?:"id":\s*(\d+),\s*)?"result":\s*(?=\{)/.exec(head)
  return found && { at: found[0].length, id: found[1] === undefined ? null : Number(found[1]) }
}

/** One answer that is too large to hold: its result is passed on, masked, while it comes. That it was whole and for whom it went to is known at its end. */
export class LargeResult implements LineSink {
  readonly #options: Options
  #bytes = 0
  #depth = 0
  #inString = false
  #escaped = false
  /** After the result. */
  #rest: Buffer[] | null = null
  #isOver = false

  constructor(options: Options) {
    this.#options = options
  }

  write(bytes: Buffer): void {
    if (this.#isOver) return
    const { bytesMax, redactor, sink } = this.#options
    this.#bytes += bytes.length
    if (this.#bytes > bytesMax) {
      return this.fail(new StdioFailure('result_too_large', `it answers with more than ${bytesMax} bytes`))
    }
    if (this.#rest) return this.#keep(bytes)
    const end = this.#endOf(bytes)
    const masked = redactor.push(end === -1 ? bytes : bytes.subarray(0, end))
    if (masked.length > 0) sink.write(masked)
    if (end === -1) return
    const last = redactor.end()
    if (last.length > 0) sink.write(last)
    this.#rest = []
    this.#keep(bytes.subarray(end))
  }

  end(): void {
    if (this.#isOver) return
    const id = this.#rest && this.#idIn(Buffer.concat(this.#rest).toString())
    if (id === null) {
      return this.fail(new StdioFailure('process_unavailable', 'its answer is not whole, or for another request'))
    }
    this.#isOver = true
    this.#options.sink.end()
    this.#options.onEnd(null, id)
  }

  fail(failure: StdioFailure): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#options.sink.fail()
    this.#options.onEnd(failure, null)
  }

  #keep(bytes: Buffer): void {
    const length = this.#rest!.reduce((sum, part) => sum + part.length, bytes.length)
    if (length > restBytesMax) {
      return this.fail(new StdioFailure('process_unavailable', 'its answer is no JSON-RPC message'))
    }
    this.#rest!.push(bytes)
  }

  /** Whom the message answers by what stands after the result; null when that does not end it, or names another request than it has to answer. */
  #idIn(rest: string): number | null {
    let message: Message
    try {
      const value: unknown = JSON.parse(`{"rest":0${rest}`)
      if (!isRecord(value)) return null
      message = value
    } catch {
      return null
    }
    const wanted = this.#options.id
    const { id = wanted } = message
    if (typeof id !== 'number' || (wanted !== null && id !== wanted)) return null
    return ['result', 'error', 'method'].some((name) => name in message) ? null : id
  }

  /** Where the result ends in these bytes; -1: later. */
  #endOf(bytes: Buffer): number {
    let at = 0
    while (at < bytes.length) {
      if (this.#inString) {
        at = this.#throughString(bytes, at)
        continue
      }
      const code = bytes[at]!
      at += 1
      if (code === byte.quote) this.#inString = true
      else if (opening.has(code)) this.#depth += 1
      else if (closing.has(code)) {
        this.#depth -= 1
        if (this.#depth === 0) return at
      }
    }
    return -1
  }

  #throughString(bytes: Buffer, from: number): number {
    if (this.#escaped) {
      this.#escaped = false
      return from + 1
    }
    for (let at = from; at < bytes.length; at += 1) {
      if (bytes[at] === byte.backslash) {
        if (at + 1 === bytes.length) this.#escaped = true
        at += 1
      } else if (bytes[at] === byte.quote) {
        this.#inString = false
        return at + 1
      }
    }
    return bytes.length
  }
}
