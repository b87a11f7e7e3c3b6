/** Every code maps to one HTTP status and one wording at each edge; see `httpStatus`. */
export const errorCodes = [
  'invalid',
  'unauthenticated',
  'forbidden',
  'not_found',
  'conflict',
  'precondition_failed',
  'rate_limited',
  'unavailable',
] as const
export type ErrorCode = (typeof errorCodes)[number]

/** The HTTP status an edge answers for a code (RFC 9110; 429 from RFC 6585). */
export const httpStatus = {
  invalid: 422,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  precondition_failed: 412,
  rate_limited: 429,
  unavailable: 503,
} as const satisfies Record<ErrorCode, number>

/**
 * A failure that a person or a program caused and can be told about. `message` is shown as it is: it names the field or the rule,
 * says what to do, and never carries a secret. `details` holds machine-readable facts (`field`, `rule`, `line`, `retryAfterSeconds` …).
 */
export class DomainError extends Error {
  override readonly name = 'DomainError'
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, details: Record<string, unknown> = {}) {
    super(message)
    this.code = code
    this.details = details
  }
}

/** Stops on a programmer's mistake, never on bad input. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant: ${message}`)
}

/** Makes a switch over a union exhaustive: a new member without a case does not compile. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`)
}
