/** Text as PostgreSQL's text and jsonb take it: a NUL and a lone half of a surrogate pair become U+FFFD. */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed()
}

/** The first characters of a text; a pair of surrogates is not cut in two. */
export function cutText(text: string, lengthMax: number): string {
  return storableText(text.slice(0, lengthMax))
}

/**
 * A JSON value with every text in it, member names too, made storable, and cut off where it is nested more than 200 levels deep. What models,
 * tools and servers say goes through this before it is written: one character that the database refuses must not hold up a run.
 */
export function storable<T>(value: T): T {
  return convert(value, 0) as T
}

const levelsMax = 200

function convert(value: unknown, level: number): unknown {
  if (typeof value === 'string') return storableText(value)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  if (level > levelsMax) return '[nested too deeply]'
  if (Array.isArray(value)) return value.map((item) => convert(item, level + 1))
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [storableText(key), convert(member, level + 1)]),
  )
}

const levelsReadMax = 100

/** Where the first text is that PostgreSQL cannot store, or the first value too deep to look at; or null. */
export function unstorable(
  value: unknown,
  path: readonly string[] = [],
): { path: readonly string[]; message: string } | null {
  const text = { path, message: 'Use text without NUL and without halves of characters.' }
  if (typeof value === 'string') return storableText(value) === value ? null : text
  if (typeof value !== 'object' || value === null) return null
  if (path.length >= levelsReadMax) return { path: path.slice(0, 1), message: 'It is nested too deeply.' }
  for (const [key, member] of Object.entries(value)) {
    const found = storableText(key) === key ? unstorable(member, [...path, key]) : text
    if (found) return found
  }
  return null
}
