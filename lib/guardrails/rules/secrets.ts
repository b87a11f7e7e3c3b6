// What looks like a secret, and where. A text is passed over once; only where a telling character stands, a bounded pattern is tried there. So it takes time in
// proportion to the text, whatever the text is.

export const secretKinds = [
  'private_key',
  'aws_access_key',
  'gcp_key',
  'azure_secret',
  'github_token',
  'gitlab_token',
  'slack_token',
  'anthropic_key',
  'stripe_key',
  'npm_token',
  'jwt',
  'named_secret',
] as const
export type SecretKind = (typeof secretKinds)[number]
export type SecretSpan = { kind: SecretKind; start: number; end: number }

/** `back`: how far before the telling character the secret begins. `apart`: it must not be the middle of a longer word. */
type Pattern = { kind: SecretKind; back: number; pattern: RegExp; apart?: true }

const patterns: Readonly<Record<string, readonly Pattern[]>> = {
  '-': [
    { kind: 'slack_token', back: 4, pattern: /xox[abeoprs]-[A-Za-z0-9-]{10,250}/y },
    { kind: 'anthropic_key', back: 2, pattern: /sk-ant-[\w-]{20,250}/y },
    { kind: 'gitlab_token', back: 5, pattern: /glpat-[\w-]{20,100}/y },
    { kind: 'gcp_key', back: 6, pattern: /GOCSPX-[\w-]{20,60}/y },
  ],
  _: [
    { kind: 'github_token', back: 3, pattern: /gh[pousr]_[A-Za-z0-9]{36,255}/y },
    { kind: 'github_token', back: 6, pattern: /github_pat_\w{22,255}/y },
    { kind: 'stripe_key', back: 2, pattern: /[rs]k_(?:live|test)_[A-Za-z0-9]{16,200}/y },
    { kind: 'npm_token', back: 3, pattern: /npm_[A-Za-z0-9]{36}/y },
  ],
  I: [
    { kind: 'aws_access_key', back: 2, pattern: /A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])/y, apart: true },
    { kind: 'gcp_key', back: 1, pattern: /AIza[\w-]{35}/y, apart: true },
  ],
  J: [
    {
      kind: 'jwt',
      back: 2,
      pattern: /eyJ[\w-]{8,4000}\.eyJ[\w-]{2,8000}\.[\w-]{10,2000}/y,
      apart: true,
    },
  ],
  '~': [{ kind: 'azure_secret', back: 5, pattern: /[A-Za-z0-9]{3}\dQ~[\w.~-]{31,34}/y }],
  '9': [{ kind: 'gcp_key', back: 3, pattern: /ya29\.[\w-]{20,500}/y }],
}

const other = 0
const tryPatterns = 1
const nameEnds = 2
const watched = new Uint8Array(128)
for (const char of Object.keys(patterns)) watched[char.charCodeAt(0)] = tryPatterns
for (const char of ':=') watched[char.charCodeAt(0)] = nameEnds
const patternsOf: (readonly Pattern[] | undefined)[] = []
for (const [char, list] of Object.entries(patterns)) patternsOf[char.charCodeAt(0)] = list

/** Every secret in a text, in order and apart; null (and nothing allocated) when there is none. */
export function secretsIn(text: string): SecretSpan[] | null {
  let found: SecretSpan[] | null = null
  let from = 0
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code > 127) continue
    const watch = watched[code]!
    if (watch === other) continue
    const span = watch === nameEnds ? namedSecret(text, at) : (privateKey(text, at) ?? patternAt(text, at, code))
    if (!span || span.start < from) continue
    ;(found ??= []).push(span)
    from = span.end
    at = span.end - 1
  }
  return found
}

/** Whether a text holds a secret. */
export function hasSecret(text: string): boolean {
  return secretsIn(text) !== null
}

function patternAt(text: string, at: number, code: number): SecretSpan | null {
  for (const { kind, back, pattern, apart } of patternsOf[code]!) {
    const start = at - back
    if (start < 0 || (apart && isWordBefore(text, start))) continue
    pattern.lastIndex = start
    if (pattern.test(text)) return { kind, start, end: pattern.lastIndex }
  }
  return null
}

const keyHeader = /-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----/y

/** From its first line to its last; without a last line to the end of the text. */
function privateKey(text: string, at: number): SecretSpan | null {
  if (!text.startsWith('-----BEGIN ', at)) return null
  keyHeader.lastIndex = at
  if (!keyHeader.test(text)) return null
  const last = text.indexOf('-----END ', keyHeader.lastIndex)
  const close = last === -1 ? -1 : text.indexOf('-----', last + 9)
  return { kind: 'private_key', start: at, end: close === -1 ? text.length : close + 5 }
}

const secretNames = [
  'password',
  'passwd',
  'passphrase',
  'secret',
  'secrets',
  'token',
  'apikey',
  'accesskey',
  'secretkey',
  'privatekey',
  'accountkey',
  'sharedkey',
  'sharedaccesskey',
  'credential',
  'credentials',
] as const
/** Names that end in `token` and say where one is in a list. */
const harmlessNames = /(?:page|next|sync|continuation|resume|progress|cursor)token$/
/** The last two letters of the names, as one number. */
const nameEndings = new Set(secretNames.map((name) => pairOf(name, name.length)))
const lastLetters = new Set(secretNames.map((name) => name.charCodeAt(name.length - 1)))

/** The two characters before a place, letters in lower case. */
function pairOf(text: string, end: number): number {
  return ((text.charCodeAt(end - 2) | 32) << 16) | (text.charCodeAt(end - 1) | 32)
}

/** Whether the name of a field says that its value is a secret: `clientSecret`, `api-key`, `DB_PASSWORD`. */
export function isSecretName(name: string): boolean {
  const plain = name
    .slice(-40)
    .replaceAll(/[_\-. ]/g, '')
    .toLowerCase()
  return secretNames.some((secret) => plain.endsWith(secret)) && !harmlessNames.test(plain)
}

const value = /[A-Za-z0-9+/_=.~-]{16,200}/y

/** A random value after a telling name: `api_key = "…"`. */
function namedSecret(text: string, at: number): SecretSpan | null {
  let end = at
  while (end > 0 && at - end < 3 && isGap(text.charCodeAt(end - 1))) end -= 1
  if (end === 0 || !mayEndName(text, end)) return null
  let start = at + 1
  while (start - at < 5 && isGap(text.charCodeAt(start))) start += 1
  value.lastIndex = start
  if (!value.test(text)) return null
  let begin = end
  while (begin > 0 && end - begin < 40 && isNameCode(text.charCodeAt(begin - 1))) begin -= 1
  if (!isSecretName(text.slice(begin, end))) return null
  return isRandom(text.slice(start, value.lastIndex)) ? { kind: 'named_secret', start, end: value.lastIndex } : null
}

/** By its last two letters, most names are told apart from those of secrets; between them a separator may stand. */
function mayEndName(text: string, end: number): boolean {
  if (nameEndings.has(pairOf(text, end))) return true
  return isSeparator(text.charCodeAt(end - 2)) && lastLetters.has(text.charCodeAt(end - 1) | 32)
}

const counts = new Uint8Array(128)
/** Of longer values this much is looked at, so that a text full of names costs no more than its length. */
const lookedAt = 64

/** Letters and digits mixed, with at least 3.5 bits a character: words and paths have less. */
export function isRandom(text: string): boolean {
  const length = Math.min(text.length, lookedAt)
  if (length < 16) return false
  counts.fill(0)
  let digits = 0
  let letters = 0
  for (let at = 0; at < length; at += 1) {
    const code = text.charCodeAt(at) & 127
    counts[code]! += 1
    if (code >= 48 && code <= 57) digits += 1
    else if ((code | 32) >= 97 && (code | 32) <= 122) letters += 1
  }
  if (digits === 0 || letters === 0) return false
  let bits = 0
  for (let code = 33; code < 127; code += 1) {
    const count = counts[code]!
    if (count > 0) bits -= (count / length) * Math.log2(count / length)
  }
  return bits >= 3.5
}

function isGap(code: number): boolean {
  // Space, tab, quotes, backslash, >
  return code === 32 || code === 9 || code === 34 || code === 39 || code === 92 || code === 62
}

/** What may stand between the letters of a name. */
function isSeparator(code: number): boolean {
  return code === 95 || code === 45 || code === 46 || code === 32
}

function isNameCode(code: number): boolean {
  return isWordCode(code) || code === 45 || code === 46
}

const escapeBefore = /\\(?:[bfnrt]|u[\dA-Fa-f]{4})$/

function isWordBefore(text: string, start: number): boolean {
  if (start === 0 || !isNameCode(text.charCodeAt(start - 1))) return false
  // Of a line break in JSON within a text only the letter stands here.
  return !escapeBefore.test(text.slice(Math.max(0, start - 6), start))
}

function isWordCode(code: number): boolean {
  const lower = code | 32
  return (code >= 48 && code <= 57) || (lower >= 97 && lower <= 122) || code === 95
}
