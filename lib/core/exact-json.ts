import { randomUUID } from 'node:crypto'
import { endOfString, parseJson } from './parse-json.ts'

// JavaScript reads 9007199254740993 as 9007199254740992, and 1e400 as no number at all. What is only passed on must not be changed on its way.

/** As Node has it; the types of TypeScript do not know it yet. */
const json = JSON as typeof JSON & { rawJSON(text: string): object; isRawJSON(value: unknown): boolean }

/** Only so many digits in a row, or an exponent of three, can be such a number. */
const number = String.raw`[[:,\s]-?(?:\d[\d.]{15}|\d[\d.]*[eE]\+?\d{3})`
const suspicious = new RegExp(number)
/** No double has as many digits before its point. */
const digitsMax = 400
/** Stands for a number while the text around it is parsed; nobody else knows it. */
const marker = `${randomUUID()}:`

/** As `parseJson`, but what a double would change is kept as it is written, and written so again. */
export function parseExactly(text: string): unknown {
  const parts: string[] = []
  let from = 0
  for (const { start, end } of inexact(text)) {
    parts.push(text.slice(from, start), `"${marker}${text.slice(start, end)}"`)
    from = end
  }
  return from === 0 ? parseJson(text) : withNumbers(parseJson(parts.join('') + text.slice(from)))
}

/** Whether `parseExactly` kept a number so. */
export function isExactNumber(value: unknown): boolean {
  return json.isRawJSON(value)
}

/** The first number in a text that a double would change, and the name it has there; null when there is none. The text must be JSON. */
export function inexactNumber(text: string): { name: string | null; source: string } | null {
  const [first] = inexact(text)
  if (!first) return null
  const { start, end } = first
  const name = /"([^"\\]{1,100})"\s*:\s*$/.exec(text.slice(Math.max(0, start - 200), start))?.[1] ?? null
  return { name, source: text.slice(start, end) }
}

/** Where such numbers are, looked for outside of strings: a function that is called for every value of a text takes many times as long as parsing it. */
function* inexact(text: string): Generator<{ start: number; end: number }> {
  if (!suspicious.test(text)) return
  const next = new RegExp(`"|${number}`, 'g')
  const whole = /-?\d[\d.eE+-]*/y
  while (next.test(text)) {
    const last = next.lastIndex - 1
    if (text[last] === '"') {
      next.lastIndex = endOfString(text, last)
      continue
    }
    whole.lastIndex = startOfNumber(text, last)
    const start = whole.lastIndex
    if (!whole.test(text)) return
    const end = whole.lastIndex
    if (isChanged(text, start, end)) yield { start, end }
    next.lastIndex = end
  }
}

function startOfNumber(text: string, within: number): number {
  let start = within
  while (/[\d.eE+-]/.test(text[start - 1] ?? '')) start -= 1
  return start
}

/** A fraction is rounded to the nearest double, as every reader of JSON does; a whole part is what it is. */
function isChanged(text: string, start: number, end: number): boolean {
  const source = text.slice(start, end)
  const value = Number(source)
  if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) return false
  return !Number.isFinite(value) || source.length > digitsMax || decimalOf(source) !== decimalOf(String(value))
}

/** The same text for the same number, however it is written. */
function decimalOf(text: string): string {
  const [, whole = '', fraction = '', exponent = '0'] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  const digits = (whole + fraction).replace(/^0+/, '')
  const significant = digits.replace(/0+$/, '')
  return `${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`
}

function withNumbers(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith(marker) ? json.rawJSON(value.slice(marker.length)) : value
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at += 1) value[at] = withNumbers(value[at])
  } else if (typeof value === 'object' && value !== null) {
    const members = value as Record<string, unknown>
    for (const name of Object.keys(members)) members[name] = withNumbers(members[name])
  }
  return value
}
