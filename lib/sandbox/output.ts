/**
 * Keeps the beginning and the end of an output that may be endless, and counts all of it: memory is bounded by `keepBytes`, and what
 * was left out is said where it was left out.
 */
export class BoundedOutput {
  total = 0
  readonly #half: number
  #head: Buffer[] = []
  #headBytes = 0
  #tail: Buffer = Buffer.alloc(0)

  constructor(keepBytes: number) {
    this.#half = Math.floor(keepBytes / 2)
  }

  push(chunk: Uint8Array): void {
    this.total += chunk.length
    let rest = Buffer.from(chunk)
    if (this.#headBytes < this.#half) {
      const taken = rest.subarray(0, this.#half - this.#headBytes)
      this.#head.push(taken)
      this.#headBytes += taken.length
      rest = rest.subarray(taken.length)
    }
    if (rest.length) this.#tail = Buffer.concat([this.#tail, rest])
    // Cutting only when it has doubled keeps the copying linear.
    if (this.#tail.length > 2 * this.#half) this.#tail = this.#lastHalf()
  }

  bytes(): Buffer {
    const head = Buffer.concat(this.#head)
    const tail = this.#lastHalf()
    const left = this.total - head.length - tail.length
    return left > 0
      ? Buffer.concat([head, Buffer.from(`\n[… ${left} bytes left out …]\n`), tail])
      : Buffer.concat([head, tail])
  }

  text(): string {
    return this.bytes().toString()
  }

  #lastHalf(): Buffer {
    return this.#tail.length > this.#half
      ? Buffer.from(this.#tail.subarray(this.#tail.length - this.#half))
      : this.#tail
  }
}
