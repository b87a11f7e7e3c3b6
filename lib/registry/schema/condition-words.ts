import { err, ok, type Result } from '#lib/core/result.ts'
import {
  type ArgumentCondition,
  argumentCondition,
  type CallRate,
  callRate,
  type ConditionValue,
} from './conditions.ts'

/** How a person writes a condition: a pointer, one of these words and a value. */
export const conditionWords = ['is', 'in', 'begins', 'between', 'matches'] as const
export type ConditionWord = (typeof conditionWords)[number]
export type WrittenCondition = { pointer: string; word: ConditionWord; value: string }

/**
 * A condition as it was written: `/currency is EUR`, `/currency in EUR, USD`, `/path begins /reports/`, `/amount between 0..100` (or `..100`, `0..`), `/id matches INV-[0-9]+`.
 * Values are JSON where they read as JSON (`10`, `true`, `"10"`), else text; what begins or ends with a space is quoted (`/title begins "Team "`), and so is a pointer with a space.
 */
export function readCondition({ pointer, word, value }: WrittenCondition): Result<ArgumentCondition, string> {
  const text = value.trim()
  const draft = { pointer: textOf(pointer.trim()), ...draftOf(word, text) }
  const parsed = argumentCondition.safeParse(draft)
  if (parsed.success) return ok(parsed.data)
  const issues = parsed.error.issues.flatMap((issue) =>
    issue.code === 'invalid_union' ? issue.errors.flat() : [issue],
  )
  const about = issues.find(({ path, code }) => path[0] === 'pointer' && code !== 'invalid_type')
  if (about) return err(about.message)
  if (word === 'between') return err('Write a range of numbers, such as 0..100, ..100 or 0.. .')
  return err(`Write what ${draft.pointer} ${word}.`)
}

/** `/amount between 0..100` as one text, as the command line has it. */
export function readConditionLine(line: string): Result<ArgumentCondition, string> {
  const match = /^\s*(\/\S*|"(?:[^"\\]|\\.)*")\s+(\S+)\s+(.*)$/s.exec(line)
  const word = conditionWords.find((known) => known === match?.[2])
  if (!match || !word) return err(`Write a condition as: /argument ${conditionWords.join('|')} value.`)
  return readCondition({ pointer: match[1]!, word, value: match[3]! })
}

/** The other way round, for a form that begins with what is there. */
export function writeCondition(condition: ArgumentCondition): WrittenCondition {
  const pointer = /\s/.test(condition.pointer) ? JSON.stringify(condition.pointer) : condition.pointer
  if ('equals' in condition) return { pointer, word: 'is', value: scalarText(condition.equals) }
  if ('in' in condition) return { pointer, word: 'in', value: JSON.stringify(condition.in) }
  if ('prefix' in condition) return { pointer, word: 'begins', value: quotedText(condition.prefix) }
  if ('regex' in condition) return { pointer, word: 'matches', value: quotedText(condition.regex) }
  return { pointer, word: 'between', value: `${condition.range.min ?? ''}..${condition.range.max ?? ''}` }
}

/** `10/minute` */
export function readRate(text: string): Result<CallRate, string> {
  const match = /^\s*(\d+)\s*\/\s*(minute|hour)\s*$/.exec(text)
  const parsed = callRate.safeParse({ calls: Number(match?.[1]), per: match?.[2] })
  return parsed.success ? ok(parsed.data) : err('Write a rate as 10/minute or 100/hour, at most 10000.')
}

function draftOf(word: ConditionWord, text: string): Record<string, unknown> {
  switch (word) {
    case 'is':
      return { equals: scalarOf(text) }
    case 'in':
      return { in: text.startsWith('[') ? jsonOf(text) : text.split(',').map((part) => scalarOf(part.trim())) }
    case 'begins':
      return { prefix: textOf(text) }
    case 'matches':
      return { regex: textOf(text) }
    case 'between': {
      const [min, max, rest] = text.split('..').map((part) => part.trim())
      if (max === undefined || rest !== undefined) return { range: null }
      return { range: { ...(min ? { min: Number(min) } : {}), ...(max ? { max: Number(max) } : {}) } }
    }
  }
}

function scalarOf(text: string): ConditionValue {
  const value = jsonOf(text)
  return value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : text
}

/** Text that would read back as something else is quoted. */
function scalarText(value: ConditionValue): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  return value.trim() === value && scalarOf(value) === value ? value : JSON.stringify(value)
}

/** Text in quotes is what JSON says it is; any other is itself. */
function textOf(text: string): string {
  const value = text.startsWith('"') ? jsonOf(text) : undefined
  return typeof value === 'string' ? value : text
}

function quotedText(value: string): string {
  return textOf(value.trim()) === value ? value : JSON.stringify(value)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
