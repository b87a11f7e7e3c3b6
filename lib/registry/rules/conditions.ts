import { RE2JS } from 're2js'
import type { ArgumentCondition, ConditionValue } from '../schema/conditions.ts'
import { climbs, isClearOf, isClearOfPrefix, isPathLike, isPlain } from './plain-paths.ts'

/** Longer texts fit no regular expression: matching takes time in proportion to the text. */
const matchedCharactersMax = 10_000

type Fits = (value: unknown) => boolean
export type CompiledCondition = {
  readonly condition: ArgumentCondition
  readonly steps: readonly string[]
  readonly fits: Fits
}

/** What is wrong with a condition that its shape does not say; null when nothing is. */
export function conditionProblem(condition: ArgumentCondition): string | null {
  if (!('regex' in condition)) return null
  try {
    RE2JS.compile(condition.regex)
    return null
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'it does not parse'
    return `${condition.pointer}: the regular expression is not one of RE2 (${reason}). Look-around and back-references do not exist there.`
  }
}

/** Makes conditions ready to be asked many times. A regular expression that does not compile fits nothing. */
export function compileConditions(conditions: readonly ArgumentCondition[]): readonly CompiledCondition[] {
  return conditions.map((condition) => ({
    condition,
    steps: stepsOf(condition.pointer),
    fits: compileFit(condition),
  }))
}

/** The first condition that does not hold, with the value that broke it (undefined: nothing was found there); null when all hold. */
export function firstUnmet(
  compiled: readonly CompiledCondition[],
  given: unknown,
): { condition: ArgumentCondition; found: unknown } | null {
  for (const { condition, steps, fits } of compiled) {
    const values = valuesAt(given, steps)
    if (values.length === 0) return { condition, found: undefined }
    const broken = values.findIndex((value) => !fits(value))
    if (broken !== -1) return { condition, found: values[broken] }
  }
  return null
}

/**
 * Every value the steps lead to; an item or key that is not there leads to `undefined`, which fits nothing. So does `*` where there is no array: of an object a
 * server may take every member, and none of them may pass for all.
 */
export function valuesAt(root: unknown, steps: readonly string[]): unknown[] {
  let values: unknown[] = [root]
  for (const step of steps) {
    values = values.flatMap((value): unknown[] => {
      const isArray = Array.isArray(value)
      if (step === '*') return isArray ? (value as unknown[]) : [undefined]
      if (isArray) return [itemAt(value, step)]
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return [undefined]
      return [(value as Record<string, unknown>)[step]]
    })
  }
  return values
}

function itemAt(array: readonly unknown[], step: string): unknown {
  return /^(?:0|[1-9]\d{0,8})$/.test(step) ? array[Number(step)] : undefined
}

export function stepsOf(pointer: string): string[] {
  return pointer.slice(1).split('/').map(unescape)
}

function unescape(step: string): string {
  return step.replaceAll('~1', '/').replaceAll('~0', '~')
}

function compileFit(condition: ArgumentCondition): Fits {
  if ('equals' in condition) return (value) => value === condition.equals
  if ('in' in condition) {
    const values = new Set<unknown>(condition.in satisfies ConditionValue[])
    return (value) => values.has(value)
  }
  if ('prefix' in condition) return prefixFit(condition.prefix)
  if ('range' in condition) {
    const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = condition.range
    return (value) => typeof value === 'number' && value >= min && value <= max
  }
  return regexFit(condition.regex)
}

/** Of a path, `..` would lead out of what begins alike; so a value with such a step does not begin with the prefix. */
function prefixFit(prefix: string): Fits {
  const isPath = isPathLike(prefix)
  return (value) =>
    typeof value === 'string' && value.startsWith(prefix) && !(isPath && climbs(value.slice(prefix.length)))
}

function regexFit(regex: string): Fits {
  let pattern: RE2JS
  try {
    pattern = RE2JS.compile(regex)
  } catch {
    return () => false
  }
  return (value) => typeof value === 'string' && value.length <= matchedCharactersMax && pattern.testExact(value)
}

/**
 * The other way to ask: whether some value may meet the condition. One is enough; what is not there or cannot be compared may meet it. For rules that
 * hold a call, where not to know means to hold.
 */
export function mayHold({ condition, steps, fits }: CompiledCondition, given: unknown): boolean {
  const values = valuesAt(given, steps)
  return values.length === 0 || values.some((value) => fits(value) || !isComparable(condition, value))
}

function isComparable(condition: ArgumentCondition, value: unknown): boolean {
  if (value === undefined) return false
  if ('range' in condition) return typeof value === 'number'
  if ('prefix' in condition) return typeof value === 'string' && isClearOfBeginning(value, condition.prefix)
  if ('regex' in condition) {
    // What is written about paths is written about one spelling of them.
    if (typeof value !== 'string' || value.length > matchedCharactersMax) return false
    return !condition.regex.includes('/') || isPlain(value)
  }
  // A server may take "false" for false and "5" for 5.
  const named = 'equals' in condition ? [condition.equals] : condition.in
  if (!named.some((each) => typeof each === typeof value && (each === null) === (value === null))) return false
  return named.every(
    (each) => typeof each !== 'string' || typeof value !== 'string' || !isPathLike(each) || isClearOf(value, each),
  )
}

function isClearOfBeginning(value: string, prefix: string): boolean {
  return isPathLike(prefix) ? isClearOfPrefix(value, prefix) : !climbs(value)
}
