import type { oas31, ZodOpenApiHeadersObject, ZodOpenApiResponseObject } from 'zod-openapi'
import { problem } from '../answers/problem.ts'

const problemOf = (description: string, more: Partial<ZodOpenApiResponseObject> = {}): ZodOpenApiResponseObject => ({
  description,
  content: { 'application/problem+json': { schema: problem } },
  ...more,
})

/** Refusals that endpoints share; each is a problem (RFC 9457). */
export const problemResponses = {
  Unauthenticated: problemOf('Nobody, or a token that is not valid, has expired or was revoked'),
  Forbidden: problemOf('The permission is missing; `rule` names it'),
  NotFound: problemOf('There is no such thing'),
  Conflict: problemOf('Refused by a rule or the current state; `rule` names it'),
  Changed: problemOf('Someone else changed it since the entity tag of If-Match was read; nothing was written'),
  Invalid: problemOf('Wrong values, with `errors` by field'),
  TooMany: problemOf('Too many requests', {
    headers: {
      'Retry-After': { $ref: '#/components/headers/RetryAfter' },
      RateLimit: { $ref: '#/components/headers/RateLimit' },
      'RateLimit-Policy': { $ref: '#/components/headers/RateLimitPolicy' },
    },
  }),
  Unavailable: problemOf('Not available now; nothing is known to have changed'),
} as const satisfies Record<string, ZodOpenApiResponseObject>

/** Headers of requests that endpoints share. */
export const parameters = {
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description:
      'A new UUID for each thing to be done: sent again within a day, it is not done again, and the first answer comes with Idempotency-Replayed',
    schema: { type: 'string', maxLength: 257 },
    example: '"8e03978e-40d5-43e8-bc93-6894a57f9324"',
  },
  IfMatch: {
    name: 'If-Match',
    in: 'header',
    required: false,
    description: 'The ETag of what was read: when somebody else has written it since, nothing is written',
    schema: { type: 'string' },
  },
  IfNoneMatch: {
    name: 'If-None-Match',
    in: 'header',
    required: false,
    description: 'An ETag: 304 without a body when the answer is still the same',
    schema: { type: 'string' },
  },
} as const satisfies Record<string, oas31.ParameterObject>

export const headers = {
  RequestId: {
    description: 'Under this id the portal’s log has the request',
    schema: { type: 'string' },
  },
  ETag: {
    description: 'Changes with the answer: for If-None-Match and, of what can be written, for If-Match',
    schema: { type: 'string' },
  },
  Link: {
    description: 'Of a list: the other pages, as rel="next" and rel="prev" (RFC 8288); none on the last',
    schema: { type: 'string' },
  },
  IdempotencyReplayed: {
    description: 'true: it was done before, and this is the answer of then',
    schema: { type: 'string' },
  },
  RateLimitPolicy: {
    description: 'What a token may do in a window, as `"read";q=1200;w=60`',
    schema: { type: 'string' },
  },
  RateLimit: { description: 'What is left of it, as `"read";r=1199;t=42`', schema: { type: 'string' } },
  RetryAfter: { description: 'Seconds to wait', schema: { type: 'integer' } },
} as const satisfies ZodOpenApiHeadersObject

type Name = keyof typeof problemResponses
export const problemRef = (name: Name) => ({ $ref: `#/components/responses/${name}` }) as const
export const headerRef = (name: keyof typeof headers) => ({ $ref: `#/components/headers/${name}` }) as const
export const parameterRef = (name: keyof typeof parameters) => ({ $ref: `#/components/parameters/${name}` }) as const
