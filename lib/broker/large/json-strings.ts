/** The bytes that JSON is built of. */
export const byte = {
  quote: 0x22,
  backslash: 0x5c,
  comma: 0x2c,
  colon: 0x3a,
  openObject: 0x7b,
  closeObject: 0x7d,
  openArray: 0x5b,
  closeArray: 0x5d,
} as const

/** Where the strings of a JSON text end that comes in chunks, parted anywhere. */
export class JsonStrings {
  /** Between the quotes of one: whoever reads sets it at the first, `through` clears it after the last. */
  inside = false
  #escaped = false

  /** Moves past the string that `at` is within: to its end, or to that of the chunk. */
  through(chunk: Buffer, at: number): number {
    if (this.#escaped) {
      this.#escaped = false
      return at + 1
    }
    const end = chunk.indexOf(byte.quote, at)
    const until = end === -1 ? chunk.length : end
    // A quote after an odd number of backslashes is escaped; whatever stands before `at` was dealt with.
    let slashes = 0
    while (until - 1 - slashes >= at && chunk[until - 1 - slashes] === byte.backslash) slashes += 1
    const escapes = slashes % 2 === 1
    if (end === -1) {
      this.#escaped = escapes
      return chunk.length
    }
    if (!escapes) this.inside = false
    return end + 1
  }
}
