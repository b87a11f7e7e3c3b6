import { z } from 'zod'
import { listAgents } from '#lib/registry/queries.ts'
import { apiRoute } from '#lib/web/route.ts'

// Quotes make the catalog's query language take it as text, whatever somebody types.
export const GET = apiRoute({ query: z.object({ text: z.string().max(100).default('') }) }, async (ctx, { query }) => {
  const text = query.text.replaceAll('"', ' ').trim()
  const { items } = await listAgents(ctx, { q: text ? `"${text}"` : '', limit: 8, sort: 'name' })
  return items.map(({ id, name, owner, status }) => ({ id, name, owner: owner.name, status }))
})
