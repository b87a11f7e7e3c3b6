/** Replaces every occurrence of some texts in a stream of bytes, also where chunks part them; it holds back only what might become one. */
export class StreamMask {
  readonly #needles: readonly Buffer[]
  readonly #mask: Buffer
  readonly #heldMax: number
  #held: Buffer = Buffer.alloc(0)

  constructor(needles: readonly string[], mask = '[redacted]') {
    this.#needles = needles.filter((needle) => needle.length > 0).map((needle) => Buffer.from(needle))
    this.#mask = Buffer.from(mask)
    this.#heldMax = Math.max(0, ...this.#needles.map((needle) => needle.length - 1))
  }

  /** What may leave after this chunk. */
  push(chunk: Buffer): Buffer {
    if (this.#needles.length === 0) return chunk
    const masked = this.#replaced(this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk)
    const keep = Math.min(this.#heldMax, masked.length)
    this.#held = Buffer.from(masked.subarray(masked.length - keep))
    return masked.subarray(0, masked.length - keep)
  }

  /** The rest. */
  end(): Buffer {
    const rest = this.#held
    this.#held = Buffer.alloc(0)
    return rest
  }

  #replaced(bytes: Buffer): Buffer {
    let current = bytes
    for (const needle of this.#needles) {
      let at = current.indexOf(needle)
      if (at === -1) continue
      const parts: Buffer[] = []
      let from = 0
      for (; at !== -1; at = current.indexOf(needle, from)) {
        parts.push(current.subarray(from, at), this.#mask)
        from = at + needle.length
      }
      parts.push(current.subarray(from))
      current = Buffer.concat(parts)
    }
    return current
  }
}
