import { z } from 'zod'
import type { Db } from '#lib/db/client.ts'
import { decodeCursor, encodeCursor, pageQuery, parse, timestamp } from '../http/query.ts'
import { forwardOnly, jsonRoutes, param, type Route } from '../http/router.ts'
import { createAgentBody, updateAgentBody } from './schema.ts'
import { archiveAgent, createAgent, listAgents, listVersions, readAgent, updateAgent } from './store.ts'

const listQuery = z.object({
  ...pageQuery(20, 100),
  include_archived: z.stringbool().default(false),
  'created_at[gte]': timestamp.optional(),
  'created_at[lte]': timestamp.optional(),
})
const readQuery = z.object({ version: z.coerce.number().int().min(1).optional() })
const versionCursor = z.strictObject({ v: z.int() })

export function agentRoutes(db: Db): Route[] {
  return jsonRoutes(
    ['api'],
    [
      ['POST', '/v1/agents', async (call) => await createAgent(db, parse(createAgentBody, call.body), call.now)],
      [
        'GET',
        '/v1/agents',
        async ({ query }) => {
          const args = parse(listQuery, query)
          const page = await listAgents(db, {
            ...args,
            includeArchived: args.include_archived,
            since: args['created_at[gte]'],
            until: args['created_at[lte]'],
          })
          return forwardOnly(page)
        },
      ],
      [
        'GET',
        '/v1/agents/:agent',
        async (call) => await readAgent(db, param(call, 'agent'), parse(readQuery, call.query).version),
      ],
      [
        'POST',
        '/v1/agents/:agent',
        async (call) => await updateAgent(db, param(call, 'agent'), parse(updateAgentBody, call.body), call.now),
      ],
      ['POST', '/v1/agents/:agent/archive', async (call) => await archiveAgent(db, param(call, 'agent'), call.now)],
      [
        'GET',
        '/v1/agents/:agent/versions',
        async (call) => {
          const { limit, page } = parse(z.object(pageQuery(20, 100)), call.query)
          const before = page === undefined ? undefined : decodeCursor(versionCursor, page).v
          const versions = await listVersions(db, param(call, 'agent'), { limit: limit + 1, before })
          const data = versions.slice(0, limit)
          const last = data.at(-1)
          return { data, next_page: last && versions.length > limit ? encodeCursor({ v: last.version }) : null }
        },
      ],
    ],
  )
}
