/**
 * The variables of a process out of the one secret that is kept: with one variable its value, with several a JSON object of them; null when
 * it is neither.
 */
export function processEnvironment(names: readonly string[], secret: string): Record<string, string> | null {
  if (names.length === 0) return {}
  const values = parsed(secret)
  if (values) return Object.fromEntries(Object.entries(values).filter(([name]) => names.includes(name)))
  return names.length === 1 ? { [names[0]!]: secret } : null
}

function parsed(secret: string): Record<string, string> | null {
  try {
    const value: unknown = JSON.parse(secret)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
    return Object.values(value).every((each) => typeof each === 'string') ? (value as Record<string, string>) : null
  } catch {
    return null
  }
}
