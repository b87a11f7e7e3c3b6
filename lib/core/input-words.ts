import { z } from 'zod'

// What does not pass a schema is said in these words wherever a schema has none of its own: what is asked for, and what to do.
z.config({ customError: inputWords })

type Issue = z.core.$ZodRawIssue

function inputWords(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeWords(issue)
    case 'too_small':
    case 'too_big':
      return sizeWords(issue)
    case 'invalid_value':
      return oneOf(issue.values)
    case 'invalid_format':
      return formatWords(issue.format, issue['prefix'])
    case 'not_multiple_of':
      return `Give a multiple of ${numberText(issue.divisor)}.`
    case 'unrecognized_keys':
      return unknownWords(issue.keys, knownKeys(issue.inst))
    case 'invalid_union':
      return unionWords(issue)
    case 'invalid_key':
      return `This name does not fit. ${issue.issues[0]?.message ?? ''}`.trim()
    default:
      return 'This does not fit here.'
  }
}

function typeWords({ expected, input, schema }: Issue & { code: 'invalid_type' }): string {
  if (expected === 'never') return 'Leave this out.'
  const wanted = wantedText(expected, schema)
  if (input === undefined) return wanted === 'text' ? 'It is missing.' : `It is missing: give ${wanted}.`
  if (expected === 'string' && Array.isArray(input)) return `Give ${wanted}, once.`
  return `Give ${wanted}.`
}

const kinds: Partial<Record<string, string>> = {
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  date: 'a day such as 2026-12-31',
  null: 'null',
}

function wantedText(expected: string, schema: unknown): string {
  if (expected === 'number' || expected === 'int' || expected === 'bigint') {
    return numberWanted(schema, expected !== 'number')
  }
  const format = schema instanceof z.ZodStringFormat ? schema.format : null
  return (format && formats[format]) ?? kinds[expected] ?? `a ${expected}`
}

function numberWanted(schema: unknown, isWhole: boolean): string {
  const { min, max, isInt } = boundsOf(schema)
  const kind = isWhole || isInt ? 'a whole number' : 'a number'
  if (min !== null && max !== null) return `${kind} from ${min} to ${max}`
  if (min !== null) return `${kind} of at least ${min}`
  return max === null ? kind : `${kind} of at most ${max}`
}

/** Bounds that are a number's own, such as that of a safe integer, say nothing. */
function boundsOf(schema: unknown): { min: string | null; max: string | null; isInt: boolean } {
  if (!(schema instanceof z.ZodNumber || schema instanceof z.ZodBigInt)) return { min: null, max: null, isInt: false }
  const text = (bound: number | bigint | null) =>
    bound === null || Math.abs(Number(bound)) >= Number.MAX_SAFE_INTEGER ? null : numberText(bound)
  return {
    min: text(schema.minValue),
    max: text(schema.maxValue),
    isInt: schema instanceof z.ZodBigInt || schema.isInt,
  }
}

function sizeWords(issue: Issue & { code: 'too_small' | 'too_big' }): string {
  const isSmall = issue.code === 'too_small'
  const bound = isSmall ? issue.minimum : issue.maximum
  const limit = `${issue.exact ? 'exactly' : isSmall ? 'at least' : 'at most'} ${numberText(bound)}`
  const { input } = issue
  if (issue.origin === 'string') {
    if (isSmall && input === '' && bound === 1) return 'It is empty: write something.'
    const length = !isSmall && typeof input === 'string' ? `, not ${numberText(input.length)}` : ''
    return `Write ${limit} ${bound === 1 ? 'character' : 'characters'}${length}.`
  }
  if (issue.origin === 'date') return `Choose a time ${isSmall ? 'after' : 'before'} ${new Date(Number(bound)).toISOString()}.` // prettier-ignore
  if (issue.origin !== 'number' && issue.origin !== 'int' && issue.origin !== 'bigint') {
    const count = !isSmall && Array.isArray(input) ? `, not ${numberText(input.length)}` : ''
    return `Give ${limit}${count}.`
  }
  if (issue.inclusive === false) return `Give a number ${isSmall ? 'above' : 'below'} ${numberText(bound)}.`
  return `Give ${numberWanted(issue.schema, issue.origin === 'int')}.`
}

const formats: Partial<Record<string, string>> = {
  uuid: 'an id such as 01990000-0000-7000-8000-000000000001',
  url: 'a whole address such as https://example.com/path',
  email: 'an e-mail address such as name@example.com',
  datetime: 'a time such as 2026-12-31T09:00:00Z',
  date: 'a day such as 2026-12-31',
  time: 'a time of day such as 09:00:00',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
  base64: 'base64 text',
  base64url: 'base64url text',
}

function formatWords(format: string, prefix: unknown): string {
  const wanted = formats[format]
  if (wanted) return `Give ${wanted}.`
  if (format === 'starts_with') return `Begin it with ${String(prefix)}.`
  return 'It does not have the form that is asked for here.'
}

const choicesMax = 20

function oneOf(values: readonly unknown[]): string {
  const names = values.slice(0, choicesMax).map(String).join(', ')
  if (values.length === 1) return `Give ${names}.`
  return `Choose one of ${names}${values.length > choicesMax ? ` and ${values.length - choicesMax} more` : ''}.`
}

function unknownWords(keys: readonly string[], known: readonly string[]): string {
  const what = `${keys.map((key) => `“${key}”`).join(', ')} ${keys.length === 1 ? 'is' : 'are'} not known here.`
  return known.length === 0 ? `${what} Leave it out.` : `${what} There is ${known.join(', ')}.`
}

function knownKeys(schema: unknown): readonly string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : []
}

/** The words of the kind that was probably meant: the one that its own kind does not refuse, with the fewest mistakes. */
function unionWords(issue: Issue & { code: 'invalid_union' }): string {
  if (Array.isArray(issue['options'])) return oneOf(issue['options'])
  if (issue.input === undefined) return 'It is missing.'
  const meant = issue.errors
    .filter((issues) => !issues.some(({ code, path }) => path.length === 0 && code === 'invalid_type'))
    .toSorted((a, b) => a.length - b.length)[0]
  const said = (meant ?? issue.errors.map(([first]) => first!)).filter(Boolean).map(placed)
  return meant ? said[0]! : [...new Set(said)].join(' Or: ')
}

function placed({ path, message }: z.core.$ZodIssue): string {
  return path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`
}

function numberText(value: number | bigint): string {
  return value.toLocaleString('en')
}
