import { parseJson } from '#lib/core/parse-json.ts'
import { byte, JsonStrings } from './json-strings.ts'

/** The message is not JSON, or not a reply as MCP says; `tooDeep`: it is nested deeper than it may be. */
export class ScanError extends Error {
  override readonly name = 'ScanError'
  readonly tooDeep: boolean

  constructor(message: string, options: { tooDeep?: boolean } = {}) {
    super(message)
    this.tooDeep = options.tooDeep ?? false
  }
}

const space = 0x20
/** Of a key or a value that is kept, and of all that stands beside the result in the message (id, error …); the result itself has no bound here. */
const keptBytesMax = 64 * 1024
/** Members of the result whose value is wanted. */
const watched = new Set(['isError', 'resultType'])

/** What becomes of the bytes being read: passed on as part of the result, kept to be parsed, both, or neither. */
type Segment = { pass: boolean; keep: boolean }
const skipped: Segment = { pass: false, keep: false }
const kept: Segment = { pass: false, keep: true }
const passed: Segment = { pass: true, keep: false }
const passedAndKept: Segment = { pass: true, keep: true }

/**
 * Reads a JSON-RPC reply that is too large to hold, chunk by chunk, and gives back the bytes of its `result` as they come; whatever stands beside it is
 * small and kept. Within strings it looks for their end only. It checks the structure (strings, nesting, members), not every literal: whoever parses the
 * result does that.
 */
export class ResultScanner {
  readonly #depthMax: number
  /** The open containers, outermost first: whether each is an object. The message itself is the first. */
  readonly #open: boolean[] = []
  readonly #strings = new JsonStrings()
  /** In an object, before its colon. */
  #atKey = false
  #segment = skipped
  #kept: Buffer[] = []
  #keptBytes = 0
  #member: string | null = null
  #resultMember: string | null = null
  readonly #members = new Map<string, unknown>()
  #sawResult = false
  readonly #resultMembers = new Map<string, unknown>()
  #besideBytes = 0
  #done = false

  constructor(options: { depthMax: number }) {
    this.#depthMax = options.depthMax
  }

  /** Whether the message has ended. */
  get done(): boolean {
    return this.#done
  }

  get sawResult(): boolean {
    return this.#sawResult
  }

  /** Whether the result said `isError: true` so far. */
  get isError(): boolean {
    return this.#resultMembers.get('isError') === true
  }

  /** What the result calls itself so far (`resultType`, from 2026-07-28 on); undefined when it says nothing. */
  get resultType(): unknown {
    return this.#resultMembers.get('resultType')
  }

  /** A member beside the result (`id`, `error`, `method`), parsed; undefined when there is none (yet). */
  member(name: string): unknown {
    return this.#members.get(name)
  }

  /** The bytes of the result within this chunk, as views of it. Throws `ScanError`. */
  push(chunk: Buffer): Buffer[] {
    const out: Buffer[] = []
    let from = 0
    /** The bytes before `to` are of the segment so far, those from it on of the next. */
    const cut = (to: number, next: Segment): void => {
      if (to > from) {
        const part = chunk.subarray(from, to)
        if (this.#segment.pass) out.push(part)
        if (this.#segment.keep) this.#keep(part)
      }
      from = to
      this.#segment = next
    }
    let at = 0
    while (at < chunk.length) {
      if (this.#strings.inside) {
        at = this.#strings.through(chunk, at)
        if (!this.#strings.inside && this.#atKey) this.#endKey(at, cut)
        continue
      }
      const code = chunk[at]!
      if (code > space) this.#step(code, at, cut)
      at += 1
    }
    cut(chunk.length, this.#segment)
    return out
  }

  #step(code: number, at: number, cut: (to: number, next: Segment) => void): void {
    const depth = this.#open.length
    if (this.#done || (depth === 0 && code !== byte.openObject)) throw new ScanError('It is not one JSON object.')
    if (depth === 1 && this.#member === 'result' && this.#segment.pass && code !== byte.openObject) {
      if (code !== byte.comma && code !== byte.closeObject) throw new ScanError('Its result is no object.')
    }
    switch (code) {
      case byte.quote:
        this.#strings.inside = true
        if (this.#atKey && depth === 1) cut(at, kept)
        else if (this.#atKey && this.#isTopOfResult()) cut(at, passedAndKept)
        return
      case byte.colon:
        if (!this.#atKey) throw new ScanError('A colon stands where none may be.')
        this.#atKey = false
        if (depth === 1) cut(at + 1, this.#beginMember())
        else if (this.#isTopOfResult() && this.#resultMember !== null && watched.has(this.#resultMember))
          cut(at + 1, passedAndKept)
        return
      case byte.comma:
        this.#endValue(at, cut)
        this.#atKey = this.#open.at(-1)!
        return
      case byte.openObject:
      case byte.openArray:
        this.#openContainer(code === byte.openObject, at, cut)
        return
      case byte.closeObject:
      case byte.closeArray:
        this.#endValue(at, cut)
        if (this.#open.pop() !== (code === byte.closeObject)) throw new ScanError('Its brackets do not match.')
        this.#atKey = false
        if (this.#open.length === 0) this.#done = true
    }
  }

  /** Within the object that is the result, not deeper. */
  #isTopOfResult(): boolean {
    return this.#open.length === 2 && this.#open[1]! && this.#member === 'result'
  }

  #openContainer(isObject: boolean, at: number, cut: (to: number, next: Segment) => void): void {
    // No scalar, so nothing that is watched.
    if (this.#isTopOfResult() && this.#segment.keep) {
      cut(at, passed)
      this.#dropKept()
    }
    if (this.#atKey) throw new ScanError('A key is no text.')
    this.#open.push(isObject)
    if (this.#open.length > this.#depthMax + 1) throw new ScanError('It is nested too deep.', { tooDeep: true })
    this.#atKey = isObject
  }

  #endKey(at: number, cut: (to: number, next: Segment) => void): void {
    if (this.#open.length === 1) {
      cut(at, skipped)
      this.#member = String(this.#takeKept())
    } else if (this.#isTopOfResult()) {
      cut(at, passed)
      this.#resultMember = String(this.#takeKept())
    }
  }

  /** The value of a member of the message begins. */
  #beginMember(): Segment {
    if (this.#member !== 'result') return kept
    if (this.#sawResult) throw new ScanError('It has two results.')
    this.#sawResult = true
    return passed
  }

  /** A comma or a closing bracket: a value before it, if there is one, has ended. */
  #endValue(at: number, cut: (to: number, next: Segment) => void): void {
    if (this.#open.length === 1) {
      cut(at, skipped)
      if (this.#member !== null && this.#member !== 'result') this.#members.set(this.#member, this.#takeKept())
      this.#member = null
    } else if (this.#isTopOfResult() && this.#segment.keep) {
      cut(at, passed)
      if (this.#resultMember !== null) this.#resultMembers.set(this.#resultMember, this.#takeKept())
      this.#resultMember = null
    }
  }

  #keep(part: Buffer): void {
    this.#keptBytes += part.length
    // Within the result only keys and what is watched are kept, one at a time.
    if (!this.#segment.pass) this.#besideBytes += part.length
    if (this.#keptBytes > keptBytesMax || this.#besideBytes > keptBytesMax)
      throw new ScanError('What stands beside its result is too long.')
    // Copied: a kept view would hold on to the whole chunk.
    this.#kept.push(Buffer.from(part))
  }

  #takeKept(): unknown {
    const text = Buffer.concat(this.#kept).toString('utf8')
    this.#dropKept()
    try {
      return parseJson(text)
    } catch {
      throw new ScanError('It is no JSON.')
    }
  }

  #dropKept(): void {
    this.#kept = []
    this.#keptBytes = 0
  }
}
