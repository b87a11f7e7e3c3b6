import { randomUUID } from 'node:crypto'

// Once V8 has read a name with a backslash in it, it may read another one that is written with an escape as such a name: `{"\"":1}` as `{"\\":1}` (nodejs/node#63785, in Node 24 and 26).
// What is decided about and passed on must be what was sent.

/** Stands for the name of that number while the text around it is parsed; nobody else knows it. */
const marker = `${randomUUID()}:`
/** A name with an escape looks so; so may a part of a text. */
const maybeEscapedName = /[{,]\s*"[^"\\]*\\/
const colon = /\s*:/y

/** As `JSON.parse` should be: names that are written with escapes are read as what they say. Throws `SyntaxError` for what is no JSON. */
export function parseJson(text: string): unknown {
  if (!text.includes('\\') || !maybeEscapedName.test(text)) return JSON.parse(text)
  const names: string[] = []
  const parts: string[] = []
  let from = 0
  for (const { start, end } of escapedNames(text)) {
    parts.push(text.slice(from, start), `"${marker}${names.length}"`)
    // A value is read rightly.
    names.push(JSON.parse(text.slice(start, end)))
    from = end
  }
  return from === 0 ? JSON.parse(text) : withNames(JSON.parse(parts.join('') + text.slice(from)), names)
}

/** Where the text that begins with the quote at `start` ends: after its closing quote. */
export function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let slashes = 0
    while (text[at - 1 - slashes] === '\\') slashes += 1
    if (slashes % 2 === 0) return at + 1
  }
  return text.length
}

function* escapedNames(text: string): Generator<{ start: number; end: number }> {
  for (let start = text.indexOf('"'); start !== -1;) {
    const end = endOfString(text, start)
    const slash = text.indexOf('\\', start)
    if (slash === -1) return
    colon.lastIndex = end
    if (slash < end && colon.test(text)) yield { start, end }
    start = text.indexOf('"', end)
  }
}

function withNames(value: unknown, names: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => withNames(item, names))
  if (typeof value !== 'object' || value === null) return value
  const named = {}
  for (const [key, member] of Object.entries(value)) {
    const name = key.startsWith(marker) ? names[Number(key.slice(marker.length))]! : key
    // As JSON.parse does it: `__proto__` is a name like any other.
    Object.defineProperty(named, name, {
      value: withNames(member, names),
      writable: true,
      enumerable: true,
      configurable: true,
    })
  }
  return named
}
