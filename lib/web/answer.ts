import { z } from 'zod'
import { DomainError } from '#lib/core/errors.ts'
import { tagged } from './conditional.ts'
import { pageLinks } from './links.ts'
import { toJson } from './problem.ts'

const refusal = z.object({ message: z.string().optional(), rule: z.string().optional(), reason: z.string().optional() })
const result = z.union([
  z.object({ ok: z.literal(true), value: z.unknown() }),
  z.object({ ok: z.literal(false), error: z.unknown() }),
])

/** What a handler has to say; throws the refusal of a Result as a conflict with its rule and facts. */
export function valueOf(outcome: unknown): unknown {
  if (outcome instanceof Response) return outcome
  const parsed = result.safeParse(outcome)
  if (!parsed.success) return outcome
  if (!parsed.data.ok) throw refusalError(parsed.data.error)
  return parsed.data.value
}

/** The answer of a write: JSON, nothing, or the handler's own response. */
export function writeAnswer(value: unknown, status: number): Response {
  if (value instanceof Response) return value
  if (value === undefined || value === null) return new Response(null, { status: 204 })
  return new Response(toJson(value), { status, headers: jsonHeaders })
}

/** The answer of a read, with its entity tag and, of a list, where its other pages are; 304 when the caller has it already. */
export function readAnswer(
  request: Request,
  { outcome, revision, cursor }: { outcome: unknown; revision: string | null; cursor: string },
): Response {
  const value = valueOf(outcome)
  if (value instanceof Response || value === undefined || value === null) return writeAnswer(value, 200)
  const body = toJson(value)
  const { etag, unchanged } = tagged(request, body, revision)
  const links = pageLinks(request, value, cursor)
  const headers = { etag, 'cache-control': 'no-store', ...(links ? { link: links } : {}) }
  if (unchanged) return new Response(null, { status: 304, headers })
  return new Response(body, { headers: { ...jsonHeaders, ...headers } })
}

const jsonHeaders = { 'content-type': 'application/json', 'cache-control': 'no-store' }

function refusalError(error: unknown): DomainError {
  const { message, rule, reason } = refusal.safeParse(error).data ?? {}
  const facts = typeof error === 'object' && error !== null ? { ...error } : {}
  return new DomainError('conflict', message ?? reason ?? rule ?? 'Refused.', { ...facts, rule: rule ?? reason })
}
