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
  let escaped = false
  for (const { start, end } of namesIn(text)) {
    const source = text.slice(start, end)
    escaped ||= source.includes('\\')
    // All of them, so that they stay in their order: of a name that stands twice the last one counts.
    parts.push(text.slice(from, start), `"${marker}${names.length}"`)
    // A value is read rightly.
    names.push(JSON.parse(source))
    from = end
  }
  return escaped ? withNames(JSON.parse(parts.join('') + text.slice(from)), names) : JSON.parse(text)
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

/** Once over the text: each quote leads to the next one. */
function* namesIn(text: string): Generator<{ start: number; end: number }> {
  for (let start = text.indexOf('"'); start !== -1;) {
    const end = endOfString(text, start)
    colon.lastIndex = end
    if (colon.test(text)) yield { start, end }
    start = text.indexOf('"', end)
  }
}

/** Without recursion, so that depth costs nothing. */
function withNames(parsed: unknown, names: readonly string[]): unknown {
  const whole = { value: parsed }
  const left: (() => void)[] = []
  const place = (value: unknown, put: (value: unknown) => void): void => {
    if (Array.isArray(value)) {
      put(value)
      left.push(() => value.forEach((item: unknown, at) => place(item, (made) => (value[at] = made))))
    } else if (typeof value === 'object' && value !== null) {
      const named = {}
      put(named)
      left.push(() => {
        for (const [key, member] of Object.entries(value)) {
          place(member, (made) => define(named, names[Number(key.slice(marker.length))]!, made))
        }
      })
    } else put(value)
  }
  place(parsed, (made) => (whole.value = made))
  for (let next = left.pop(); next; next = left.pop()) next()
  return whole.value
}

/** As JSON.parse does it: `__proto__` is a name like any other. */
function define(named: object, name: string, value: unknown): void {
  Object.defineProperty(named, name, { value, writable: true, enumerable: true, configurable: true })
}
