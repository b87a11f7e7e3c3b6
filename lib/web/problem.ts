import { httpStatus } from '#lib/core/errors.ts'
import type { Failure } from './failure.ts'
import { requestHeader } from './request-headers.ts'

const titles = {
  invalid: 'The request is not valid',
  unauthenticated: 'Not signed in',
  forbidden: 'Not allowed',
  not_found: 'Not found',
  conflict: 'Refused by a rule or the current state',
  precondition_failed: 'Changed since it was read',
  rate_limited: 'Too many requests',
  unavailable: 'Not available now',
  method_not_allowed: 'No such method here',
  internal: 'Internal error',
} as const satisfies Record<Failure['code'], string>

const statuses = { ...httpStatus, method_not_allowed: 405, internal: 500 } as const

/** The one error body of the HTTP API (RFC 9457). */
export type Problem = {
  type: string
  title: string
  status: number
  detail: string
  instance: string
  requestId: string
  rule?: string
  errors?: Record<string, string[]>
  [extension: string]: unknown
}

export function problemResponse(failure: Failure, instance: string): Response {
  const status = statuses[failure.code]
  const body: Problem = {
    ...failure.details,
    type: `urn:wheelhouse:problem:${failure.code}`,
    title: titles[failure.code],
    status,
    detail: failure.message,
    instance,
    requestId: failure.requestId,
    ...(failure.rule ? { rule: failure.rule } : {}),
    ...(failure.fields ? { errors: failure.fields } : {}),
  }
  const retryAfter = failure.details?.['retryAfterSeconds']
  return new Response(toJson(body), {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      [requestHeader.id]: failure.requestId,
      ...(typeof retryAfter === 'number' ? { 'retry-after': String(Math.ceil(retryAfter)) } : {}),
      ...(status === 401 ? { 'www-authenticate': 'Bearer realm="wheelhouse"' } : {}),
    },
  })
}

/** JSON as the API writes it: amounts and counters beyond 2^53 are decimal strings. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => (typeof member === 'bigint' ? member.toString() : member))
}
