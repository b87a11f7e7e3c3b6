import { z } from 'zod'
import type { Endpoint } from '#lib/api/endpoint.ts'
import { revisions } from '#lib/api/revisions.ts'
import type { Ctx } from '#lib/auth/ctx.ts'
import type { Result } from '#lib/core/result.ts'
import type { Revisable } from '#lib/web/conditional.ts'
import { apiRoute, type RouteHandler, type RouteInput } from '#lib/web/route.ts'

type Schema = z.ZodType | undefined
type Parsed<S extends Schema> = S extends z.ZodType ? z.output<S> : undefined

/** Serves an endpoint of the API's table; a handler that answers something else than the table says does not compile. */
export function serve<T, P extends Schema, Q extends Schema, B extends Schema>(
  endpoint: Endpoint<T, P, Q, B>,
  handler: (ctx: Ctx, input: RouteInput<Parsed<P>, Parsed<Q>, Parsed<B>>) => Promise<T | Result<T, object> | Response>,
): RouteHandler {
  const read = endpoint.revision && revisions[endpoint.revision]
  const { cursorOf, ...contract } = endpoint
  return apiRoute<P, Q, B>(
    {
      ...contract,
      limited: !endpoint.unlimited,
      cursorOf: cursorOf && (({ query }) => cursorOf(query as z.output<Q & z.ZodType>)),
      revisionOf: read && ((input) => revisable(read, input)),
    },
    handler,
  )
}

/** What names a thing in a path; where there is only one of it, nothing does. */
const named = z.object({ id: z.string().optional(), number: z.int().optional(), role: z.string().optional() })
const past = z.object({ asOf: z.string() })

/** What was, was: an entity tag of the past is none that a write can be compared with. */
function revisable(read: Revisable['read'], { params, query }: { params: unknown; query: unknown }): Revisable | null {
  if (past.safeParse(query).success) return null
  const { id, role, number } = named.parse(params ?? {})
  return { read, id: id ?? role ?? String(number ?? '') }
}

/** A YAML answer; `…/export` can be saved as it is. */
export function yamlResponse(text: string | ReadableStream<Uint8Array>): Response {
  return new Response(text, {
    headers: { 'content-type': 'application/yaml; charset=utf-8', 'cache-control': 'no-store' },
  })
}
