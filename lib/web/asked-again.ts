import { DomainError, type ErrorCode } from '#lib/core/errors.ts'

/** What a page says in the place of an answer, beside the form that keeps what was asked. */
export type Unanswered = { problem: string; code: ErrorCode }

/** Asked otherwise, or again in a moment, there may be an answer. */
const askedAgain: ReadonlySet<ErrorCode> = new Set(['invalid', 'not_found', 'rate_limited', 'unavailable'])

/** Reads why a question of a page has no answer, with the place in a search where it is known. Throws what asking again does not mend: that is for the error page. */
export function unanswered(error: unknown): Unanswered {
  if (!(error instanceof DomainError) || !askedAgain.has(error.code)) throw error
  const { column } = error.details
  const place = typeof column === 'number' ? ` (at character ${column})` : ''
  return { problem: `${error.message}${place}`, code: error.code }
}
