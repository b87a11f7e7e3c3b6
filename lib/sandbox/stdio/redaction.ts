/** Shorter values are words, not secrets; masking them would only make texts unreadable. */
const secretLengthMin = 6

/** Masks the values of a process's variables wherever they turn up, as they are and as JSON writes them. */
export function redactor(environment: Readonly<Record<string, string>>): (text: string) => string {
  const secrets = Object.values(environment).filter((value) => value.length >= secretLengthMin)
  const forms = new Set(secrets.flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]))
  // The longest first: one value may be part of another.
  const ordered = [...forms].toSorted((a, b) => b.length - a.length)
  return (text) =>
    ordered.reduce((masked, form) => (masked.includes(form) ? masked.replaceAll(form, '[redacted]') : masked), text)
}
