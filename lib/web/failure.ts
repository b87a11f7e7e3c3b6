import type { z } from 'zod'
import '#lib/core/input-words.ts'
import { DomainError, type ErrorCode } from '#lib/core/errors.ts'
import { unstorable } from '#lib/core/storable.ts'
import { isDatabaseUnavailable } from '#lib/db/unavailable.ts'
import type { Log } from '#lib/log/log.ts'

/** What any edge of the portal tells about an error: the one reading of it, which action.ts and route.ts put into their own form. */
export type Failure = {
  code: ErrorCode | 'method_not_allowed' | 'internal'
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
    super(inOneSentence(fields))
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

const fieldsSaid = 5

/** `limit: give a whole number from 1 to 500.`, for whoever sees only the message. */
function inOneSentence(fields: Record<string, string[]>): string {
  const said = Object.entries(fields).map(([field, [message = '']]) =>
    field ? `${field}: ${message.replace(/^[A-Z](?=[a-z ])/, (first) => first.toLowerCase())}` : message,
  )
  const more = said.length - fieldsSaid
  return [...said.slice(0, fieldsSaid), ...(more > 0 ? [`And ${more} more.`] : [])].join(' ')
}

function fieldsOf(error: z.ZodError): Record<string, string[]> {
  const fields = new Map<string, string[]>()
  for (const issue of error.issues) {
    const path = issue.path.map(String)
    const paths = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, key]) : [path]
    for (const key of paths.map((parts) => parts.join('.'))) {
      fields.set(key, [...(fields.get(key) ?? []), issue.message])
    }
  }
  return Object.fromEntries(fields)
}
