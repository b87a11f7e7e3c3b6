/** Takes every form of a secret out of a text. */
export type Redact = (text: string) => string

const mark = '[redacted]'
/** A shorter text is taken out as it is only: its encodings would be found everywhere. */
const encodedLengthMin = 6

/**
 * Makes the function that keeps secrets from coming back out of an answer: as they are, and as they look in JSON, in URLs, in hexadecimal
 * and in base64 at each of the three places of a triple. It is made once per credential; a text without any of them is returned as it is.
 */
export function createRedact(secrets: readonly string[]): Redact {
  const forms = secretForms(secrets)
  if (forms.length === 0) return redactNothing
  return (text) => {
    const plain = text.includes('\\u00') ? unescaped(text) : text
    let found = false
    let redacted = plain
    for (const form of forms) {
      if (!redacted.includes(form)) continue
      found = true
      redacted = redacted.replaceAll(form, mark)
    }
    return found ? redacted : text
  }
}

export const redactNothing: Redact = (text) => text

/** Every form in which a text may hold one of the secrets; the longest first, because one may be part of another. */
export function secretForms(secrets: readonly string[]): string[] {
  return [...new Set(secrets.filter(Boolean).flatMap(formsOf))].toSorted((a, b) => b.length - a.length)
}

function formsOf(secret: string): string[] {
  const quoted = JSON.stringify(secret).slice(1, -1)
  // A text may hold JSON itself.
  const twice = JSON.stringify(quoted).slice(1, -1)
  const plain = [secret, quoted, quoted.replaceAll('/', String.raw`\/`), twice]
  if (secret.length < encodedLengthMin) return plain
  const url = encodeURIComponent(secret)
  const bytes = Buffer.from(secret)
  const base64 = [0, 1, 2].flatMap((offset) => base64Core(bytes, offset))
  const withSlash = base64.filter((core) => core.includes('/')).map((core) => core.replaceAll('/', String.raw`\/`))
  return [
    ...plain,
    url,
    url.toLowerCase(),
    url.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`),
    url.replaceAll('%20', '+'),
    new URLSearchParams({ '': secret }).toString().slice(1),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    ...base64,
    ...withSlash,
  ]
}

/** What base64 and base64url show of bytes that begin at this place of a triple, whatever stands around them. */
function base64Core(bytes: Buffer, offset: number): string[] {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .replaceAll('=', '')
  const begin = offset === 0 ? 0 : offset + 1
  const rest = (offset + bytes.length) % 3
  // The last character is shared with what follows, unless the bytes end a triple.
  const core = encoded.slice(begin, rest === 0 ? undefined : -1)
  return [core, core.replaceAll('+', '-').replaceAll('/', '_')]
}

/** JSON may spell any character as `\u00xx`; here printable ones are spelled as JSON does it by itself. */
function unescaped(text: string): string {
  return text.replace(/(\\\\)|\\u00([2-7][0-9a-f])/gi, (whole, backslashes: string | undefined, hex: string) => {
    if (backslashes !== undefined) return whole
    const char = String.fromCharCode(Number.parseInt(hex, 16))
    if (char === '\u007F') return whole
    return char === '"' || char === '\\' ? `\\${char}` : char
  })
}
