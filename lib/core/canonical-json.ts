import { hash } from 'node:crypto'

/**
 * RFC 8785 canonical JSON: keys sorted by UTF-16 code units, no white space, numbers as ECMAScript prints them.
 * `undefined` members are left out; a bigint, a function or a non-finite number is a programmer's mistake and throws.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('a non-finite number has no canonical form')
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`
  if (value instanceof Date) return JSON.stringify(value)
  if (typeof value === 'object') {
    let members = ''
    for (const key of Object.keys(value).toSorted()) {
      const member = (value as Record<string, unknown>)[key]
      if (member !== undefined) members += `${members && ','}${JSON.stringify(key)}:${canonicalJson(member)}`
    }
    return `{${members}}`
  }
  throw new TypeError(`a ${typeof value} has no canonical form`)
}

/** SHA-256 of the canonical form, as lower-case hex: the same value gives the same digest whatever its key order. */
export function digestOf(value: unknown): string {
  return digestOfText(canonicalJson(value))
}

/** SHA-256 of a text, as lower-case hex. */
export function digestOfText(text: string): string {
  return hash('sha256', text)
}
