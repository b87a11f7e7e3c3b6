const linesMax = 20
const lineLengthMax = 500
const keepBytes = 32 * 1024

/** The last lines of a standard error, whatever comes: bounded, without control characters, with secrets masked. */
export class StderrTail {
  readonly #redact: (text: string) => string
  #text = ''
  #isCut = false

  constructor(redact: (text: string) => string) {
    this.#redact = redact
  }

  push(chunk: Uint8Array): void {
    this.#text += Buffer.from(chunk).toString()
    if (this.#text.length <= keepBytes) return
    this.#text = this.#text.slice(-keepBytes)
    this.#isCut = true
  }

  /** Masked when read: a value that came in two pieces is found, too. */
  lines(): string[] {
    // Where it was cut may be the middle of a secret: the rest of that line is left out.
    const whole = this.#isCut ? this.#text.slice(this.#text.indexOf('\n') + 1 || this.#text.length) : this.#text
    return this.#redact(whole)
      .split('\n')
      .map((line) => line.replaceAll(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, ' ').trim())
      .filter((line) => line !== '')
      .map((line) => (line.length > lineLengthMax ? `${line.slice(0, lineLengthMax)}…` : line))
      .slice(-linesMax)
  }
}
