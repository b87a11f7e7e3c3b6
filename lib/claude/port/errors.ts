import { APIConnectionError, APIError, APIUserAbortError } from '@anthropic-ai/sdk'
import { DomainError, type ErrorCode } from '#lib/core/errors.ts'

/**
 * Turns a failure of the Managed Agents API into ours. A refused key is `unavailable`, not `unauthenticated`: it is the platform's key,
 * the person asking can do nothing about it. An abort passes through as it is.
 */
export async function withDomainErrors<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toDomainError(what, error)
  }
}

export function toDomainError(what: string, error: unknown): unknown {
  if (error instanceof DomainError || error instanceof APIUserAbortError) return error
  if (error instanceof APIConnectionError) {
    if (error.cause instanceof DomainError) return error.cause
    return new DomainError('unavailable', `Claude could not be reached to ${what}.`, { upstream: 'claude' })
  }
  if (!(error instanceof APIError)) return error
  const status = typeof error.status === 'number' ? error.status : 0
  return new DomainError(codeOf(status), `Claude refused to ${what}: ${error.apiMessage ?? 'no reason given'}`, {
    upstream: 'claude',
    status,
    requestId: error.requestID ?? null,
    errorType: error.type,
    errorCode: error.errorCode,
    ...retryAfter(error),
  })
}

function codeOf(status: number): ErrorCode {
  if (status === 404) return 'not_found'
  if (status === 409 || status === 412) return 'conflict'
  if (status === 429) return 'rate_limited'
  if (status === 400 || status === 413 || status === 422) return 'invalid'
  return 'unavailable'
}

function retryAfter(error: { headers?: Headers | undefined }): { retryAfterSeconds?: number } {
  const seconds = Number(error.headers?.get('retry-after') ?? '')
  return Number.isFinite(seconds) && seconds > 0 ? { retryAfterSeconds: seconds } : {}
}
