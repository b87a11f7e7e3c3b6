// Whether a path or an address can be told from another one by its letters. What can be written in several ways cannot: whoever asks must take it for the other one.

const separators = /[\\/]/
/** One letter is a drive. */
const scheme = /^[a-z][a-z\d+.-]+:/i

/** Whether a text names a place in a tree, so that the same place has several spellings. */
export function isPathLike(text: string): boolean {
  return separators.test(text)
}

/** Of a path, whether it leads out of where it begins. */
export function climbs(path: string): boolean {
  const plain = path.replaceAll(/%2e/gi, '.').replaceAll(/%2f|%5c/gi, '/')
  return plain.split(separators).includes('..')
}

/** Whether a text certainly leads nowhere below `prefix`, which is a path or an address. */
export function isClearOfPrefix(value: string, prefix: string): boolean {
  if (!isPlain(value) || !sameSeparators(value, prefix)) return false
  if (scheme.test(prefix)) {
    const [there, below] = [placeOf(value), placeOf(prefix, { asPrefix: true })]
    return there !== null && below !== null && !there.startsWith(below)
  }
  return !scheme.test(value) && !value.toLowerCase().startsWith(prefix.toLowerCase())
}

/** Whether a text certainly leads elsewhere than `named`, which is a path or an address. */
export function isClearOf(value: string, named: string): boolean {
  if (!isPlain(value) || !sameSeparators(value, named)) return false
  if (scheme.test(named)) {
    const [there, here] = [placeOf(value), placeOf(named)]
    return there !== null && here !== null && bare(there) !== bare(here)
  }
  return !scheme.test(value) && bare(value) !== bare(named)
}

/** Whether a text is written as one way only: without escapes, steps that lead nowhere or back, and, of an address, what its parser would leave out. */
export function isPlain(value: string): boolean {
  if (/[%\p{Cc}]/u.test(value) || value.trim() !== value) return false
  if (scheme.test(value) && separators.test(value) && !isPlainAddress(value)) return false
  const steps = value.replace(/^[a-z][a-z\d+.-]*:\/\//i, '').split(separators)
  // The first is empty where the path begins at the root, the last where it ends in a separator.
  return !steps.some((step, at) => step === '.' || step === '..' || (step === '' && at > 0 && at < steps.length - 1))
}

function isPlainAddress(value: string): boolean {
  const url = parsed(value)
  return url !== null && [url.href, `${url.origin}${url.search}${url.hash}`].includes(value) && !url.host.endsWith('.')
}

/** Scheme, host and path of an address in the spelling of its parser; null: it is none, or one that has several readings. */
function placeOf(address: string, { asPrefix = false } = {}): string | null {
  if (/[%\\]/.test(address)) return null
  const [begun] = /^[a-z][a-z\d+.-]*:\/\/$/i.exec(address) ?? []
  if (asPrefix && begun) return begun.toLowerCase()
  const url = parsed(address)
  if (!url) return null
  const path = asPrefix && /^[^/]*\/\/[^/]*$/.test(address) ? '' : url.pathname
  return `${url.protocol}//${url.host.replace(/\.(?=:|$)/, '')}${path}`.toLowerCase()
}

function parsed(address: string): URL | null {
  const url = URL.canParse(address) ? new URL(address) : null
  return url && url.username === '' && url.password === '' ? url : null
}

function sameSeparators(value: string, named: string): boolean {
  return !['/', '\\'].some((separator) => value.includes(separator) && !named.includes(separator))
}

/** Without what many servers leave out: a separator at the end, a query, and the case. */
function bare(path: string): string {
  return path
    .replace(/[?#].*$/s, '')
    .replace(/[\\/]+$/, '')
    .toLowerCase()
}
