import type { NextRequest } from 'next/server'
import type { z } from 'zod'
import type { Ctx } from '#lib/auth/ctx.ts'
import { anonymous } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { newRequestId } from '#lib/core/ids.ts'
import { readAnswer, valueOf, writeAnswer } from './answer.ts'
import { readJson, readText } from './body.ts'
import { type ApiUse, countRequest, limitHeaders, refuseOverLimit } from './api-limits.ts'
import { alsoHolding, ifMatch, type Revisable } from './conditional.ts'
import { portal } from './db.ts'
import { failureOf, parseInput } from './failure.ts'
import { onceOnly } from './idempotency.ts'
import { problemResponse } from './problem.ts'
import { isRead, requestHeader } from './request-headers.ts'
import { routeActor } from './route-auth.ts'

type Parsed<S extends z.ZodType | undefined> = S extends z.ZodType ? z.output<S> : undefined

export type RouteContract<P, Q, B> = {
  /** The dynamic segments of the URL. */
  params?: P
  /** The search parameters; one that is given twice becomes an array. */
  query?: Q
  /** A JSON body; with `textBody` the raw text instead (YAML import, form bodies). */
  body?: B
  textBody?: boolean
  bodyBytesMax?: number
  /** 'none': the handler authenticates by itself, or nobody has to. Default: somebody must be signed in or send a token. */
  auth?: 'required' | 'none'
  /** Status of a successful answer; default 200. */
  status?: number
  /** Counted, and refused when the caller asks too often. */
  limited?: boolean
  /** Fields of the answer that are told this once: they are never kept for a repeated request. */
  secret?: readonly string[] | undefined
  /** What `nextCursor` of a page is sent as; default `cursor`. */
  cursorOf?: ((input: { query: unknown }) => string) | undefined
  /** How the one thing that is asked for is compared with what somebody has read: for ETag and If-Match. */
  revisionOf?: ((input: { params: unknown; query: unknown }) => Revisable | null) | undefined
}

export type RouteInput<P, Q, B> = { params: P; query: Q; body: B; request: NextRequest }
type RouteCtx = Ctx & { requestId: string }
type Segments = { params: Promise<Record<string, string | string[] | undefined>> }
export type RouteHandler = (request: NextRequest, segments: Segments) => Promise<Response>

const bodyBytesDefault = 256 * 1024

/**
 * Makes a route handler: actor from bearer token or own browser session, parsed parameters, query and body, and one mapping of errors
 * to problem+json. The handler returns a value (answered as JSON, amounts as decimal strings), a Result (a refusal becomes 409 with its
 * rule) or a Response of its own.
 */
export function apiRoute<
  P extends z.ZodType | undefined = undefined,
  Q extends z.ZodType | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
>(
  contract: RouteContract<P, Q, B>,
  handler: (ctx: RouteCtx, input: RouteInput<Parsed<P>, Parsed<Q>, Parsed<B>>) => Promise<unknown>,
): RouteHandler {
  return async (request, segments) => {
    const started = performance.now()
    const requestId = request.headers.get(requestHeader.id) ?? newRequestId()
    const { log } = portal()
    const refuse = (error: unknown) => problemResponse(failureOf(error, requestId, log), request.nextUrl.pathname)
    let use: ApiUse | undefined
    const response = await readRequest(contract, { request, segments, requestId, onUse: (counted) => (use = counted) })
      .then(({ ctx, input }) =>
        onceOnly(request, { ctx, input, secret: contract.secret ?? [], log }, (ctx) =>
          answer(contract, { request, ctx, input }, handler).catch(refuse),
        ),
      )
      .catch(refuse)
    for (const [name, value] of Object.entries(use ? limitHeaders(use) : {})) response.headers.set(name, value)
    if (!response.headers.has(requestHeader.id)) response.headers.set(requestHeader.id, requestId)
    log.info(
      {
        requestId,
        method: request.method,
        path: request.nextUrl.pathname,
        status: response.status,
        ms: Math.round(performance.now() - started),
      },
      'request',
    )
    return request.method === 'HEAD' ? await withoutBody(response) : response
  }
}

/** Of a HEAD nobody reads the body; what would have made it is let go. */
async function withoutBody(response: Response): Promise<Response> {
  await response.body?.cancel()
  return new Response(null, { status: response.status, headers: response.headers })
}

async function answer<P, Q, B>(
  contract: RouteContract<unknown, unknown, unknown>,
  { request, ctx, input }: { request: NextRequest; ctx: RouteCtx; input: RouteInput<P, Q, B> },
  handler: (ctx: RouteCtx, input: RouteInput<P, Q, B>) => Promise<unknown>,
): Promise<Response> {
  const target = contract.revisionOf?.(input) ?? null
  if (isRead(request)) {
    // Read before the answer: when somebody writes in between, the tag is of what was there before, and a write with it is refused.
    const revision = target && (await target.read(ctx.db, target.id, false))
    return readAnswer(request, {
      outcome: await handler(ctx, input),
      revision,
      cursor: contract.cursorOf?.(input) ?? 'cursor',
    })
  }
  const precondition = ifMatch(request, target)
  const outcome = await handler(precondition ? alsoHolding(ctx, precondition.hold) : ctx, input)
  const value = valueOf(outcome)
  precondition?.assertHeld()
  return writeAnswer(value, contract.status ?? 200)
}

/** Reads a request as its contract says; shared by `apiRoute` and `sseRoute`. Throws what `failureOf` understands. */
export async function readRequest<
  P extends z.ZodType | undefined,
  Q extends z.ZodType | undefined,
  B extends z.ZodType | undefined,
>(
  contract: RouteContract<P, Q, B>,
  from: { request: NextRequest; segments: Segments; requestId: string; onUse?: (use: ApiUse) => void },
): Promise<{ ctx: RouteCtx; input: RouteInput<Parsed<P>, Parsed<Q>, Parsed<B>> }> {
  const { request, segments, requestId } = from
  const now = new Date()
  const actor = contract.auth === 'none' ? anonymous : await routeActor(request, now)
  if (contract.auth !== 'none' && actor.kind === 'anonymous') {
    throw new DomainError(
      'unauthenticated',
      'Sign in, or send a personal access token as "Authorization: Bearer wh_pat_…".',
    )
  }
  const policy = isRead(request) ? 'read' : 'write'
  const limit = portal().config.apiPerMinute[policy]
  if (contract.limited && limit > 0) {
    const use = await countRequest(portal().db, { actor, policy, limit, now })
    from.onUse?.(use)
    refuseOverLimit(use)
  }
  const input = {
    request,
    params: contract.params && parseInput(contract.params, await segments.params),
    query: contract.query && parseInput(contract.query, queryOf(request.nextUrl.searchParams)),
    body: contract.body && parseInput(contract.body, await readBody(request, contract)),
  } as RouteInput<Parsed<P>, Parsed<Q>, Parsed<B>>
  return { ctx: { db: portal().db, actor, now, requestId }, input }
}

async function readBody(request: Request, contract: { textBody?: boolean; bodyBytesMax?: number }): Promise<unknown> {
  const bytesMax = contract.bodyBytesMax ?? bodyBytesDefault
  return contract.textBody ? await readText(request, bytesMax) : await readJson(request, bytesMax)
}

function queryOf(search: URLSearchParams): Record<string, string | string[]> {
  return Object.fromEntries(
    [...new Set(search.keys())].map((key) => {
      const values = search.getAll(key)
      return [key, values.length === 1 ? values[0]! : values]
    }),
  )
}
