import { UpstreamFailure } from '../upstream/failure.ts'
import { byte, JsonStrings } from './json-strings.ts'

/** Of a key, a value that is withheld, or an address. */
const takenBytesMax = 64 * 1024

type Rules = {
  /** Members of the result that do not pass. */
  withheld: ReadonlySet<string>
  /** What the result ends with instead, given the values that were withheld. */
  added: (withheld: Readonly<Record<string, unknown>>) => Record<string, unknown>
  /** What the address (`uri`) of each of its `contents` becomes; null: it stays. */
  address: ((own: string) => string) | null
}
/** What becomes of the bytes being read: they pass, are dropped, or are taken to be looked at. */
type Mode = 'pass' | 'drop' | 'take'
type Cut = (to: number, next: Mode) => void

/**
 * Changes the members of a result that passes while it arrives, without holding more of it than one key or one address. What it is given is one JSON object,
 * whose structure is checked already (`ResultScanner`).
 */
export class ResultMembers {
  readonly #rules: Rules
  /** The open containers, outermost first: whether each is an object. The result itself is the first. */
  readonly #open: boolean[] = []
  readonly #withheld: Record<string, unknown> = {}
  #mode: Mode = 'pass'
  #taken: Buffer[] = []
  #takenBytes = 0
  readonly #strings = new JsonStrings()
  /** In an object, before its colon. */
  #atKey = false
  #member = ''
  /** Within one of the `contents`. */
  #key = ''
  #passedAny = false

  constructor(rules: Rules) {
    this.#rules = rules
  }

  /** What passes of the next bytes of the result. */
  push(chunk: Buffer): Buffer {
    const out: Buffer[] = []
    let from = 0
    const cut: Cut = (to, next) => {
      if (to > from && this.#mode === 'pass') out.push(chunk.subarray(from, to))
      if (to > from && this.#mode === 'take') this.#take(chunk.subarray(from, to))
      from = to
      this.#mode = next
    }
    for (let at = 0; at < chunk.length;) {
      if (this.#strings.inside) {
        at = this.#strings.through(chunk, at)
        if (!this.#strings.inside && this.#mode === 'take') this.#endTaken(at, cut, out)
      } else {
        this.#step(chunk[at]!, at, cut, out)
        at += 1
      }
    }
    cut(chunk.length, this.#mode)
    return out.length === 1 ? out[0]! : Buffer.concat(out)
  }

  #step(code: number, at: number, cut: Cut, out: Buffer[]): void {
    const depth = this.#open.length
    switch (code) {
      case byte.quote:
        this.#strings.inside = true
        if (this.#atKey ? depth === 1 || this.#isContent : this.#isAddress) cut(at, 'take')
        return
      case byte.colon:
        this.#atKey = false
        if (depth === 1 && this.#rules.withheld.has(this.#member)) cut(at + 1, 'take')
        return
      case byte.comma:
        this.#key = ''
        this.#atKey = this.#open.at(-1)!
        if (depth === 1) this.#endMember(at, cut, 'drop')
        return
      case byte.openObject:
      case byte.openArray:
        // No scalar, so it is not looked at.
        if (depth === 1 && this.#mode === 'take') {
          cut(at, 'drop')
          this.#takeText()
        }
        if (depth === 0) cut(at + 1, 'drop')
        this.#open.push(code === byte.openObject)
        this.#atKey = code === byte.openObject
        return
      case byte.closeObject:
      case byte.closeArray:
        this.#atKey = false
        this.#key = ''
        if (depth === 1) this.#endResult(at, cut, out)
        this.#open.pop()
    }
  }

  /** Within an object of the list of contents, not deeper. */
  get #isContent(): boolean {
    if (this.#rules.address === null || this.#open.length !== 3 || this.#member !== 'contents') return false
    return !this.#open[1]! && this.#open[2]!
  }

  get #isAddress(): boolean {
    return this.#key === 'uri' && this.#isContent
  }

  /** A string has ended that was taken: a key, or an address. */
  #endTaken(at: number, cut: Cut, out: Buffer[]): void {
    const isTop = this.#open.length === 1
    if (!this.#atKey && isTop) return
    if (!this.#atKey) {
      cut(at, 'pass')
      out.push(Buffer.from(JSON.stringify(this.#rules.address!(String(parsed(this.#takeText()))))))
      return
    }
    const withheld = (): boolean => isTop && this.#rules.withheld.has(this.#member)
    cut(at, 'pass')
    const text = this.#takeText()
    if (isTop) this.#member = String(parsed(text))
    else this.#key = String(parsed(text))
    if (withheld()) {
      this.#mode = 'drop'
      return
    }
    out.push(Buffer.from(isTop && this.#passedAny ? `,${text}` : text))
    this.#passedAny = true
  }

  #endMember(at: number, cut: Cut, next: Mode): void {
    cut(at, next)
    const text = this.#takeText()
    if (text.trim() !== '') this.#withheld[this.#member] = parsed(text)
  }

  #endResult(at: number, cut: Cut, out: Buffer[]): void {
    this.#endMember(at, cut, 'pass')
    const added = Object.entries(this.#rules.added(this.#withheld))
    const texts = added.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
    if (texts.length > 0) out.push(Buffer.from(`${this.#passedAny ? ',' : ''}${texts.join(',')}`))
  }

  #take(part: Buffer): void {
    this.#takenBytes += part.length
    if (this.#takenBytes > takenBytesMax)
      throw new UpstreamFailure('malformed', 'a name or an address in it is too long')
    // Copied: a view would hold on to the whole chunk.
    this.#taken.push(Buffer.from(part))
  }

  #takeText(): string {
    const text = Buffer.concat(this.#taken).toString('utf8')
    this.#taken = []
    this.#takenBytes = 0
    return text
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new UpstreamFailure('malformed', 'its answer is no MCP message')
  }
}
