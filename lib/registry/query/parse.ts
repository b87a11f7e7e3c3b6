import { err, ok, type Result } from '#lib/core/result.ts'
import type { AgentQuery, QueryError, QueryNode, QueryValue, Term } from './ast.ts'
import { isAccessKey, isQueryKey, type QueryKey, queryKeys } from './keys.ts'
import { nearest } from './nearest.ts'
import { parseValue } from './values.ts'

/** Deeper than anyone writes, and no stack to overflow. */
const depthMax = 20
/** More than anyone asks, and few enough that no question keeps the others waiting. */
const partsMax = 40

/**
 * Parses `can:write env:production -status:retired runs:<5 (owner:a or owner:b) "free text"`. Everything must hold; commas in a value
 * mean any of; `-` before a term, word or group negates it; quotes keep spaces, commas, colons and parentheses.
 */
export function parseAgentQuery(text: string): Result<AgentQuery, QueryError> {
  try {
    const parser = new Parser(text)
    const node = parser.alternatives(0)
    if (node === null) return ok({ kind: 'and', items: [] })
    return ok(node.kind === 'and' ? node : { kind: 'and', items: [node] })
  } catch (error) {
    if (error instanceof Wrong) return err(error.problem)
    throw error
  }
}

/** Alternatives of one key given outside of a query (`?status=active,suspended`). */
export function parseTerm(key: QueryKey, value: string): Result<Term, QueryError> {
  try {
    return ok({ kind: 'term', key, values: valuesOf(key, { text: value, at: 0 }) })
  } catch (error) {
    if (error instanceof Wrong) return err(error.problem)
    throw error
  }
}

/** The parts of a text as the parser sees them: where a token begins and ends; for completion. */
export function lastTokenStart(text: string): number {
  let start = 0
  let quoted = false
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at)
    if (quoted && char === '\\') at += 1
    else if (char === '"') quoted = !quoted
    else if (!quoted && (/\s/.test(char) || char === '(')) start = at + 1
  }
  return start
}

class Wrong extends Error {
  readonly problem: QueryError
  constructor(message: string, at: number, suggestion: string | null = null) {
    super(message)
    this.problem = { message, column: at + 1, suggestion }
  }
}

class Parser {
  readonly #text: string
  #at = 0
  #parts = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Sequences separated by `or`; null when there is nothing at all. */
  alternatives(depth: number): QueryNode | null {
    const found: QueryNode[][] = []
    let orAt: number | null = null
    for (;;) {
      const items = this.#sequence(depth)
      const next = this.#orAhead()
      if (items.length === 0 && (orAt !== null || next !== null)) {
        throw new Wrong(
          '`or` needs something on both sides; to search for the word, put it in quotes.',
          next ?? orAt ?? 0,
        )
      }
      found.push(items)
      if (next === null) break
      orAt = next
      this.#at += 2
    }
    const [first = []] = found
    if (found.length === 1) return first.length === 0 ? null : { kind: 'and', items: first }
    return { kind: 'or', items: found.map((items) => (items.length === 1 ? items[0]! : { kind: 'and', items })) }
  }

  #sequence(depth: number): QueryNode[] {
    const items: QueryNode[] = []
    const accessKeys = new Set<string>()
    for (;;) {
      this.#skipSpace()
      const char = this.#text.charAt(this.#at)
      if (char === '' || this.#orAhead() !== null) return items
      if (char === ')') {
        if (depth > 0) return items
        throw new Wrong('This parenthesis was never opened; to search for it, put it in quotes.', this.#at)
      }
      const at = this.#at
      const item = this.#item(depth)
      if (item === null) continue
      if (item.kind === 'term' && isAccessKey(item.key)) {
        if (accessKeys.has(item.key)) throw twice(item.key, at)
        accessKeys.add(item.key)
      }
      if (items.some((other) => isSameWord(other, item))) continue
      this.#parts += 1
      if (this.#parts > partsMax) throw new Wrong(`A query may have ${partsMax} parts at most: leave some out.`, at)
      items.push(item)
    }
  }

  #item(depth: number): QueryNode | null {
    const negated = this.#text.charAt(this.#at) === '-' && /[^\s)]/.test(this.#text.charAt(this.#at + 1))
    if (negated) this.#at += 1
    const item = this.#text.charAt(this.#at) === '(' ? this.#group(depth) : this.#token(depth)
    return item !== null && negated ? { kind: 'not', item } : item
  }

  #group(depth: number): QueryNode {
    const open = this.#at
    if (depth >= depthMax) throw new Wrong(`Groups may be ${depthMax} deep at most.`, open)
    this.#at += 1
    const inside = this.alternatives(depth + 1)
    if (this.#text.charAt(this.#at) !== ')') throw new Wrong('This parenthesis is never closed.', open)
    if (inside === null) throw new Wrong('There is nothing in these parentheses.', open)
    this.#at += 1
    return inside
  }

  /** A word, a quoted phrase, or `key:value`. */
  #token(depth: number): QueryNode | null {
    const start = this.#at
    const key = /^[A-Za-z][A-Za-z_-]*(?=:)/.exec(this.#text.slice(start))?.[0] ?? null
    this.#at += key === null ? 0 : key.length + 1
    const valueAt = this.#at
    this.#toEndOfToken(depth)
    const raw = this.#text.slice(valueAt, this.#at)
    if (key !== null) return termOf(key.toLowerCase(), { text: raw, at: valueAt, keyAt: start })
    const text = unquote(raw).toLowerCase()
    return text.trim() === '' ? null : { kind: 'word', text }
  }

  #toEndOfToken(depth: number): void {
    for (; this.#at < this.#text.length; this.#at += 1) {
      const char = this.#text.charAt(this.#at)
      if (/\s/.test(char) || (char === ')' && depth > 0)) return
      if (char === ')')
        throw new Wrong('This parenthesis was never opened; to search for it, put it in quotes.', this.#at)
      if (char !== '"') continue
      const close = closingQuote(this.#text, this.#at)
      if (close < 0) throw new Wrong('A quote is opened here and never closed.', this.#at)
      this.#at = close
    }
  }

  #orAhead(): number | null {
    this.#skipSpace()
    return /^or(?=[\s()]|$)/i.test(this.#text.slice(this.#at, this.#at + 3)) ? this.#at : null
  }

  #skipSpace(): void {
    while (/\s/.test(this.#text.charAt(this.#at))) this.#at += 1
  }
}

/** Said again, a word asks for nothing more. */
function isSameWord(one: QueryNode, other: QueryNode): boolean {
  if (one.kind === 'not') return other.kind === 'not' && isSameWord(one.item, other.item)
  return one.kind === 'word' && other.kind === 'word' && one.text === other.text
}

function twice(key: string, at: number): Wrong {
  const message = `${key}: is given twice. For any of several write ${key}:a,b; for an agent that has both, (${key}:a) (${key}:b).`
  return new Wrong(message, at)
}

function termOf(key: string, from: { text: string; at: number; keyAt: number }): Term {
  if (!isQueryKey(key)) {
    const known = Object.keys(queryKeys)
    const message = `There is no qualifier "${key}:". There are ${known.map((name) => `${name}:`).join(' ')}; put text with a colon in quotes.`
    throw new Wrong(message, from.keyAt, nearest(key, known))
  }
  return { kind: 'term', key, values: valuesOf(key, from) }
}

function valuesOf(key: QueryKey, from: { text: string; at: number }): QueryValue[] {
  const values: QueryValue[] = []
  const seen = new Set<string>()
  for (const part of from.text.matchAll(/(?:"(?:\\.|[^"\\])*"|[^,"])+/gs)) {
    const text = unquote(part[0]).trim().toLowerCase()
    if (text === '') continue
    const value = parseValue(key, text)
    if (!value.ok) throw new Wrong(value.error.message, from.at + part.index, value.error.suggestion)
    const identity = JSON.stringify(value.value)
    if (!seen.has(identity)) values.push(value.value)
    seen.add(identity)
  }
  if (values.length === 0) throw new Wrong(`${key}: has no value.`, from.at)
  return values
}

function closingQuote(text: string, open: number): number {
  for (let at = open + 1; at < text.length; at += 1) {
    if (text.charAt(at) === '\\') at += 1
    else if (text.charAt(at) === '"') return at
  }
  return -1
}

function unquote(raw: string): string {
  return raw.replace(/"((?:\\.|[^"\\])*)"/gs, (_, inner: string) => inner.replace(/\\(.)/gs, '$1'))
}
