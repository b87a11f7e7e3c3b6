import { err, ok, type Result } from '#lib/core/result.ts'
import type { QueryValue, Range } from './ast.ts'
import { type QueryKey, specOf } from './keys.ts'
import { nearest } from './nearest.ts'

type Problem = { message: string; suggestion: string | null }

const dayMs = 86_400_000
/** Limited so that a number is printed as it was written. */
const number = /^\d{1,12}(?:\.\d{1,6})?$/
const version = /^\d{1,9}(?:\.\d{1,9}){0,3}(?:-[0-9a-z.-]{1,40})?$/

/** One alternative of a key, unquoted and in lower case. */
export function parseValue(key: QueryKey, text: string): Result<QueryValue, Problem> {
  const spec = specOf(key)
  switch (spec.kind) {
    case 'name':
      return ok({ is: 'text', text })
    case 'choice':
      if (spec.values.includes(text)) return ok({ is: 'text', text })
      return problem(
        `${key}: does not know "${text}". It takes ${spec.values.join(', ')}.`,
        nearest(text, spec.values) ?? null,
      )
    case 'template':
      return parseTemplate(text)
    case 'number':
      return rangeOf(text, parseNumber, `${key}: takes a number such as 5, <5, >=5 or 5..10.`)
    case 'days':
      return rangeOf(text, parseDays, `${key}: takes days such as >30d, <2w or 7d..30d.`)
    case 'date':
      if (text === 'never') return ok({ is: 'text', text })
      return rangeOf(
        text,
        parseDay,
        `${key}: takes a day such as <2026-06-01, >=2026-06-01, 2026-05-01..2026-06-01, or never.`,
      )
  }
}

/** As it is written in a query, before quoting. */
export function printValue(key: QueryKey, value: QueryValue): string {
  if (value.is === 'text') return value.text
  if (value.is === 'version') return `${value.template}@${printRange(value.range, String)}`
  const kind = specOf(key).kind
  return printRange(value.range, kind === 'date' ? isoDayOf : kind === 'days' ? (days) => `${days}d` : String)
}

export function dayNumber(at: Date | number): number {
  return Math.floor(Number(at) / dayMs)
}

/** ISO 8601 date of a day number. */
export function isoDayOf(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 10)
}

export function inRange<T>(value: T, range: Range<T>, compare: (a: T, b: T) => number): boolean {
  const { min, max } = range
  if (min) {
    const order = compare(value, min.at)
    if (order < 0 || (order === 0 && !min.inclusive)) return false
  }
  if (max) {
    const order = compare(value, max.at)
    if (order > 0 || (order === 0 && !max.inclusive)) return false
  }
  return true
}

function parseTemplate(text: string): Result<QueryValue, Problem> {
  const at = text.lastIndexOf('@')
  if (at <= 0) return ok({ is: 'text', text })
  const range = parseRange(text.slice(at + 1), (part) => (version.test(part) ? part : null))
  if (!range) return problem(`template: takes a version after @, such as @1.2.0, @<2.0 or @1.0..2.0.`)
  return ok({ is: 'version', template: text.slice(0, at), range })
}

function rangeOf(text: string, parse: (part: string) => number | null, message: string): Result<QueryValue, Problem> {
  const range = parseRange(text, parse)
  return range ? ok({ is: 'range', range }) : problem(message)
}

/** `5`, `<5`, `<=5`, `>5`, `>=5`, `5..10`, `5..`, `..10`; null for anything else. */
function parseRange<T>(text: string, parse: (part: string) => T | null): Range<T> | null {
  const compared = /^(<=|>=|<|>)(.+)$/.exec(text)
  if (compared) {
    const at = parse(compared[2]!)
    if (at === null) return null
    const bound = { at, inclusive: compared[1]!.endsWith('=') }
    return compared[1]!.startsWith('<') ? { min: null, max: bound } : { min: bound, max: null }
  }
  const dots = text.indexOf('..')
  if (dots < 0) {
    const at = parse(text)
    return at === null ? null : { min: { at, inclusive: true }, max: { at, inclusive: true } }
  }
  const [from, to] = [text.slice(0, dots), text.slice(dots + 2)]
  const [min, max] = [from === '' ? null : parse(from), to === '' ? null : parse(to)]
  if ((from !== '' && min === null) || (to !== '' && max === null) || (from === '' && to === '')) return null
  return {
    min: min === null ? null : { at: min, inclusive: true },
    max: max === null ? null : { at: max, inclusive: true },
  }
}

function printRange<T>({ min, max }: Range<T>, print: (value: T) => string): string {
  if (min && max) return min.at === max.at ? print(min.at) : `${print(min.at)}..${print(max.at)}`
  if (min) return `>${min.inclusive ? '=' : ''}${print(min.at)}`
  return max ? `<${max.inclusive ? '=' : ''}${print(max.at)}` : ''
}

function parseNumber(text: string): number | null {
  return number.test(text) ? Number(text) : null
}

function parseDays(text: string): number | null {
  const [, amount, unit] = /^(\d{1,5})([dw]?)$/.exec(text) ?? []
  return amount === undefined ? null : Number(amount) * (unit === 'w' ? 7 : 1)
}

function parseDay(text: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return null
  const at = Date.parse(`${text}T00:00:00Z`)
  return Number.isNaN(at) || isoDayOf(dayNumber(at)) !== text ? null : dayNumber(at)
}

function problem(message: string, suggestion: string | null = null): Result<never, Problem> {
  return err({ message, suggestion })
}
