import { createHash } from 'node:crypto'
import { openApiDocument } from '#lib/api/openapi.ts'
import { portal } from '#lib/web/db.ts'
import { apiRoute } from '#lib/web/route.ts'

let made: { text: string; etag: string } | undefined

/** The OpenAPI document. It says nothing of the fleet, so nobody has to sign in, and it may be kept: a release changes it, nothing else. */
export const GET = apiRoute({ auth: 'none' }, async (_, { request }) => {
  made ??= make()
  const headers = { etag: made.etag, 'cache-control': 'public, max-age=300' }
  const known = request.headers.get('if-none-match')?.split(',') ?? []
  if (known.some((tag) => tag.trim().replace(/^W\//, '') === made?.etag))
    return new Response(null, { status: 304, headers })
  return new Response(made.text, { headers: { ...headers, 'content-type': 'application/json' } })
})

function make(): { text: string; etag: string } {
  const text = JSON.stringify(openApiDocument({ url: portal().config.url }))
  return { text, etag: `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"` }
}
