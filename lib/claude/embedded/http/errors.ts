import type { Anthropic } from '@anthropic-ai/sdk'

type ErrorType = Anthropic.Beta.BetaErrorObject['type']

const typeOfStatus: Record<number, ErrorType> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  405: 'invalid_request_error',
  409: 'invalid_request_error',
  412: 'invalid_request_error',
  413: 'invalid_request_error',
  429: 'rate_limit_error',
  503: 'overloaded_error',
}

/** A request that is answered with an error of the API; the message says what to do and never holds a secret. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  /** Machine-readable, as `error.details`; `error_code` is what the SDK picks its error class by. */
  readonly details: Readonly<Record<string, unknown>> | null

  constructor(status: number, message: string, details: Record<string, unknown> | null = null) {
    super(message)
    this.status = status
    this.details = details
  }
}

export const invalid = (message: string, details?: Record<string, unknown>): ApiError =>
  new ApiError(400, message, details ?? null)
export const notFound = (what: string, id: string): ApiError => new ApiError(404, `${what} ${id} does not exist.`)
export const conflict = (message: string): ApiError => new ApiError(409, message)

export type ErrorBody = Anthropic.Beta.BetaErrorResponse & {
  error: { details?: Readonly<Record<string, unknown>> }
}

/** The API's error envelope. */
export function toErrorBody(
  error: { status: number; message: string; details?: unknown },
  requestId: string,
): ErrorBody {
  const details = error.details as Readonly<Record<string, unknown>> | null | undefined
  return {
    type: 'error',
    error: {
      type: typeOfStatus[error.status] ?? 'api_error',
      message: error.message,
      ...(details ? { details } : {}),
    },
    request_id: requestId,
  }
}
