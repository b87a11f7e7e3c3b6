import { createRedact, secretForms } from '#lib/core/redaction.ts'

type Environment = Readonly<Record<string, string>>

/** A shorter value is taken out of what people read only: in a message it could be any word or number of the protocol. */
const messageLengthMin = 6
const mask = Buffer.from('[redacted]')

/** Masks the values of a process's variables in its messages, in every form a text may have them in. */
export function redactor(environment: Environment): (text: string) => string {
  return createRedact(secretsOf(environment))
}

/** The same for what is shown of a process: short values are masked, too, where they stand as a word. */
export function shownRedactor(environment: Environment): (text: string) => string {
  const redact = redactor(environment)
  const short = Object.values(environment)
    .filter((value) => value !== '' && value.length < messageLengthMin)
    .toSorted((a, b) => b.length - a.length)
  if (short.length === 0) return redact
  const words = new RegExp(String.raw`(?<![\p{L}\p{N}])(?:${short.map(literally).join('|')})(?![\p{L}\p{N}])`, 'gu')
  return (text) => redact(text).replaceAll(words, String(mask))
}

function secretsOf(environment: Environment): string[] {
  return Object.values(environment)
    .flatMap((value) => [value, passwordIn(value)])
    .filter((secret) => secret.length >= messageLengthMin)
}

/** The password of `user:password` and of an address that holds one; empty: there is none. */
function passwordIn(value: string): string {
  if (value.includes('://')) return decoded(URL.parse(value)?.password ?? '')
  return /^[^:\s]+:(\S.*)$/.exec(value)?.[1] ?? ''
}

function literally(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`)
}

function decoded(password: string): string {
  try {
    return decodeURIComponent(password)
  } catch {
    return password
  }
}

/** The same of bytes that come in parts: it holds back as much as the longest value needs, so that none is cut in two unseen. */
export class StreamRedactor {
  readonly #forms: readonly Buffer[]
  #held: Buffer = Buffer.alloc(0)

  constructor(environment: Environment) {
    this.#forms = secretForms(secretsOf(environment)).map((form) => Buffer.from(form))
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
    const places = this.#forms.map((form) => all.indexOf(form))
    let from = 0
    for (let next = this.#next(all, from, places); next && next.at < until; next = this.#next(all, from, places)) {
      out.push(all.subarray(from, next.at), mask)
      from = next.at + next.length
    }
    const to = Math.max(from, until)
    out.push(all.subarray(from, to))
    this.#held = Buffer.from(all.subarray(to))
    return out.length === 1 ? out[0]! : Buffer.concat(out)
  }

  /** The first value from there on; of two that begin together the longer one. `places`: where each was seen last, so that no part is searched twice. */
  #next(all: Buffer, from: number, places: number[]): { at: number; length: number } | null {
    let first: { at: number; length: number } | null = null
    for (const [index, form] of this.#forms.entries()) {
      let at = places[index]!
      if (at !== -1 && at < from) places[index] = at = all.indexOf(form, from)
      if (at !== -1 && (first === null || at < first.at)) first = { at, length: form.length }
    }
    return first
  }
}
