/** Shorter values are words, not secrets; masking them would only make texts unreadable. */
const secretLengthMin = 6
const mask = Buffer.from('[redacted]')

/** Masks the values of a process's variables wherever they turn up, as they are and as JSON writes them. */
export function redactor(environment: Readonly<Record<string, string>>): (text: string) => string {
  const ordered = formsOf(environment)
  return (text) =>
    ordered.reduce((masked, form) => (masked.includes(form) ? masked.replaceAll(form, '[redacted]') : masked), text)
}

/** The longest first: one value may be part of another. */
function formsOf(environment: Readonly<Record<string, string>>): string[] {
  const secrets = Object.values(environment).filter((value) => value.length >= secretLengthMin)
  const forms = new Set(secrets.flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]))
  return [...forms].toSorted((a, b) => b.length - a.length)
}

/** The same of bytes that come in parts: it holds back as much as the longest value needs, so that none is cut in two unseen. */
export class StreamRedactor {
  readonly #forms: readonly Buffer[]
  #held: Buffer = Buffer.alloc(0)

  constructor(environment: Readonly<Record<string, string>>) {
    this.#forms = formsOf(environment).map((form) => Buffer.from(form))
  }

  /** What may leave after these bytes. */
  push(bytes: Buffer): Buffer {
    const longest = this.#forms[0]?.length ?? 1
    return this.#release(longest - 1, bytes)
  }

  /** The rest. */
  end(): Buffer {
    return this.#release(0, Buffer.alloc(0))
  }

  #release(kept: number, bytes: Buffer): Buffer {
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    const until = Math.max(0, all.length - kept)
    const out: Buffer[] = []
    let from = 0
    for (let next = this.#next(all, from); next && next.at < until; next = this.#next(all, from)) {
      out.push(all.subarray(from, next.at), mask)
      from = next.at + next.length
    }
    const to = Math.max(from, until)
    out.push(all.subarray(from, to))
    this.#held = Buffer.from(all.subarray(to))
    return out.length === 1 ? out[0]! : Buffer.concat(out)
  }

  /** The first value from there on; of two that begin together the longer one. */
  #next(all: Buffer, from: number): { at: number; length: number } | null {
    let first: { at: number; length: number } | null = null
    for (const form of this.#forms) {
      const at = all.indexOf(form, from)
      if (at !== -1 && (first === null || at < first.at)) first = { at, length: form.length }
    }
    return first
  }
}
