import type { z } from 'zod'
import type { Permission } from '#lib/auth/permissions.ts'

type Schema = z.ZodType | undefined

/** What an endpoint answers: the media type, and the schema of a JSON answer; null: no body. */
export type Answer<T> = {
  media: 'application/json' | 'application/yaml' | 'text/csv' | 'text/event-stream'
  schema: z.ZodType<T> | null
  /** Never set: it carries the type of what is no JSON. */
  readonly shape?: T
}

/** What somebody may have read before writing it. */
export type Revised =
  | 'agent'
  | 'server'
  | 'scopeRequest'
  | 'heldCall'
  | 'webhook'
  | 'view'
  | 'unregistered'
  | 'grant'
  | 'run'
  | 'policyReplay'
  | 'reviewCampaign'
  | 'holdRule'
  | 'holdBypass'
  | 'breakGlass'
  | 'approvalRule'
  | 'policySet'
  | 'trialTerms'
  | 'delegation'
  | 'notificationChannel'
  | 'person'
  | 'escalation'
  | 'viewDefault'
  | 'stopOrder'

/**
 * One endpoint of `/api/v1`: what the route handler checks, what the command line sends, and what the documentation says. The
 * permission is the one asked for first; commands may also ask for the owner team.
 */
export type Endpoint<T = unknown, P extends Schema = Schema, Q extends Schema = Schema, B extends Schema = Schema> = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With `{name}` for the dynamic segments: `/api/v1/agents/{id}`. */
  path: `/api/v1/${string}`
  /** One sentence for people. */
  summary: string
  /** null: whoever is signed in. */
  permission: Permission | null
  /** Any of these will do instead, within one's own teams. */
  orPermissions?: readonly Permission[]
  params?: P
  query?: Q
  body?: B
  /** The body is YAML text instead of JSON. */
  textBody?: true
  bodyBytesMax?: number
  /** Status of a successful answer; default 200, and 204 when there is nothing to say. */
  status?: 201
  answer: Answer<T>
  /** What the path names, if it can be read and written: a read answers an ETag for If-Match, a write honours If-Match. */
  revision?: Revised
  /** Of a list: what `nextCursor` is sent as, if not as `cursor`. */
  cursorOf?: (query: z.output<Q & z.ZodType>) => string
  /** Never refused for asking too often: stopping must always work. */
  unlimited?: true
  /** Fields of the answer that are told this once. */
  secret?: readonly string[]
  /** A request that passes the schemas: for the documentation and the tests. */
  example?: { params?: Record<string, string>; query?: Record<string, string>; body?: unknown }
}

/** Keeps the schemas' types of an endpoint. */
export function endpoint<T, P extends Schema = undefined, Q extends Schema = undefined, B extends Schema = undefined>(
  contract: Endpoint<T, P, Q, B>,
): Endpoint<T, P, Q, B> {
  return contract
}

/** A JSON answer; amounts and counters beyond 2^53 are decimal strings. The schema is for documentation and tests: answers are not parsed again. */
export function json<S extends z.ZodType>(schema: S): Answer<z.output<S>> {
  return { media: 'application/json', schema: schema as z.ZodType<z.output<S>> }
}

/** A successful answer without a body. */
export const nothing: Answer<null | void> = { media: 'application/json', schema: null }
export const csv: Answer<string> = { media: 'text/csv', schema: null }
export const yaml: Answer<string> = { media: 'application/yaml', schema: null }
export const eventStream: Answer<never> = { media: 'text/event-stream', schema: null }

export type AnswerOf<E> = E extends Endpoint<infer T, infer _P, infer _Q, infer _B> ? T : never

/** What a caller sends: the schemas' input sides. */
export type RequestOf<E> =
  E extends Endpoint<infer _T, infer P, infer Q, infer B>
    ? (P extends z.ZodType ? { params: z.input<P> } : { params?: undefined }) &
        (Q extends z.ZodType ? { query?: z.input<Q> } : { query?: undefined }) &
        (B extends z.ZodType ? { body: z.input<B> } : { body?: undefined })
    : never
