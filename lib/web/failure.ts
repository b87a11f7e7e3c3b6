import type { z } from 'zod'
import { DomainError, type ErrorCode } from '#lib/core/errors.ts'
import { storableText } from '#lib/core/storable.ts'
import { isDatabaseUnavailable } from '#lib/db/unavailable.ts'
import type { Log } from '#lib/log/log.ts'

/** What any edge of the portal tells about an error: the one reading of it, which action.ts and route.ts put into their own form. */
export type Failure = {
  code: ErrorCode | 'internal'
  /** Shown as it is. */
  message: string
  requestId: string
  /** The rule that refused, if one did. */
  rule?: string
  /** Messages by form field or JSON pointer-like path (`scopes.0.class`); '' is the whole form. */
  fields?: Record<string, string[]>
  details?: Readonly<Record<string, unknown>>
}

/** What the caller sent does not pass its schema. Any other schema that fails (a stored row, another service's reply) is our own fault. */
class InputError extends Error {
  override readonly name = 'InputError'
  readonly fields: Record<string, string[]>

  constructor(fields: Record<string, string[]>) {
    super('Some values are not valid.')
    this.fields = fields
  }
}

/**
 * Parses what a caller sent; only what this refuses is told as the caller's mistake, field by field. Text with a character that no database
 * can hold is refused here, once for all.
 */
export function parseInput<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const odd = unstorable(value)
  if (odd) throw new InputError({ [odd.path.join('.')]: [odd.message] })
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw new InputError(fieldsOf(parsed.error))
  return parsed.data
}

const levelsMax = 100

/** Where the first text is that PostgreSQL cannot store, or the first value too deep to look at; or null. */
function unstorable(value: unknown, path: readonly string[] = []): { path: readonly string[]; message: string } | null {
  const text = { path, message: 'Use text without NUL and without halves of characters.' }
  if (typeof value === 'string') return storableText(value) === value ? null : text
  if (typeof value !== 'object' || value === null) return null
  if (path.length >= levelsMax) return { path: path.slice(0, 1), message: 'It is nested too deeply.' }
  for (const [key, member] of Object.entries(value)) {
    const found = storableText(key) === key ? unstorable(member, [...path, key]) : text
    if (found) return found
  }
  return null
}

/** Reads an error. Unknown ones are logged with their stack and told without it. */
export function failureOf(error: unknown, requestId: string, log: Log): Failure {
  if (error instanceof InputError) {
    return { code: 'invalid', message: error.message, requestId, fields: error.fields }
  }
  if (error instanceof DomainError) {
    const { rule, field } = error.details
    const level = error.code === 'unavailable' ? 'error' : 'info'
    log[level]({ requestId, code: error.code, rule, reason: error.message }, 'refused')
    return {
      code: error.code,
      message: error.message,
      requestId,
      details: error.details,
      ...(typeof rule === 'string' ? { rule } : {}),
      ...(typeof field === 'string' ? { fields: { [field]: [error.message] } } : {}),
    }
  }
  if (isDatabaseUnavailable(error)) {
    log.error({ requestId, err: error }, 'database unavailable')
    const message = 'The database cannot be reached right now. Nothing is known to have changed; try again in a moment.'
    return { code: 'unavailable', message, requestId, rule: 'database_unavailable' }
  }
  log.error({ requestId, err: error }, 'failed')
  return { code: 'internal', message: 'Something went wrong on our side. It was written down.', requestId }
}

function fieldsOf(error: z.ZodError): Record<string, string[]> {
  const fields: Record<string, string[]> = {}
  for (const issue of error.issues) {
    const key = issue.path.map(String).join('.')
    ;(fields[key] ??= []).push(issue.message)
  }
  return fields
}
