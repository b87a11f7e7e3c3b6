import { z } from 'zod'
import { listAgents } from '#lib/registry/queries.ts'
import { textQuery } from '#lib/registry/rules.ts'
import { apiRoute } from '#lib/web/route.ts'

// Taken as text by the catalog's query language, whatever somebody types.
export const GET = apiRoute({ query: z.object({ text: z.string().max(100).default('') }) }, async (ctx, { query }) => {
  const { items } = await listAgents(ctx, { q: textQuery(query.text), limit: 8, sort: 'name' })
  return items.map(({ id, name, owner, status }) => ({ id, name, owner: owner.name, status }))
})
