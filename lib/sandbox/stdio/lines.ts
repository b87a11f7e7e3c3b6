import type { LineSink } from './large-result.ts'

const firstBytes = 64 * 1024
const sampleBytes = 256

/** The beginning and the end of a line that was too long to keep. */
export type LongLine = { bytes: number; head: string; tail: string }

type Options = {
  bytesMax: number
  onLine: (line: string) => void
  onLongLine: (line: LongLine) => void
  /** From this length on a line may be taken while it comes; `take` is asked once, with what is there, and null leaves it here. */
  large?: { fromBytes: number; take: (begin: Buffer) => LineSink | null }
}

/** Cuts a stream into lines, holding at most one line of `bytesMax`; a longer one is taken while it comes, or let through without being kept. */
export class LineSplitter {
  readonly #options: Options
  // Grows by doubling: a stranger who writes single bytes costs no more than one who writes lines.
  #buffer = Buffer.allocUnsafe(firstBytes)
  #length = 0
  #long: { bytes: number; head: string; tail: Buffer } | null = null
  /** Takes the rest of the line. */
  #sink: LineSink | null = null
  #isAsked = false

  constructor(options: Options) {
    this.#options = options
  }

  push(chunk: Uint8Array): void {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      this.#take(rest.subarray(0, end))
      this.#finish()
      rest = rest.subarray(end + 1)
    }
    if (rest.length > 0) this.#take(rest)
  }

  #take(bytes: Buffer): void {
    if (this.#sink) return this.#sink.write(bytes)
    if (this.#long) {
      this.#long.bytes += bytes.length
      this.#long.tail = Buffer.concat([this.#long.tail, bytes.subarray(-sampleBytes)]).subarray(-sampleBytes)
      return
    }
    const needed = this.#length + bytes.length
    if (needed > this.#options.bytesMax) {
      const start = Buffer.concat([this.#buffer.subarray(0, Math.min(this.#length, sampleBytes)), bytes])
      const tail = Buffer.concat([
        this.#buffer.subarray(Math.max(0, this.#length - sampleBytes), this.#length),
        bytes.subarray(-sampleBytes),
      ])
      this.#long = { bytes: needed, head: start.toString('utf8', 0, sampleBytes), tail: tail.subarray(-sampleBytes) }
      this.#reset()
      return
    }
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.min(Math.max(2 * this.#buffer.length, needed), this.#options.bytesMax))
      this.#buffer.copy(grown, 0, 0, this.#length)
      this.#buffer = grown
    }
    bytes.copy(this.#buffer, this.#length)
    this.#length = needed
    const { large } = this.#options
    if (!large || this.#isAsked || needed < large.fromBytes) return
    this.#isAsked = true
    // Copied: it may be read when this buffer holds something else.
    this.#sink = large.take(Buffer.from(this.#buffer.subarray(0, needed)))
    if (this.#sink) this.#reset()
  }

  #finish(): void {
    this.#isAsked = false
    if (this.#sink) {
      const sink = this.#sink
      this.#sink = null
      return sink.end()
    }
    if (this.#long) {
      const { bytes, head, tail } = this.#long
      this.#long = null
      return this.#options.onLongLine({ bytes, head, tail: tail.toString() })
    }
    const line = this.#buffer.toString('utf8', 0, this.#length)
    this.#reset()
    if (line.trim() !== '') this.#options.onLine(line)
  }

  /** One long line must not keep its memory for ever. */
  #reset(): void {
    this.#length = 0
    if (this.#buffer.length > firstBytes) this.#buffer = Buffer.allocUnsafe(firstBytes)
  }
}
