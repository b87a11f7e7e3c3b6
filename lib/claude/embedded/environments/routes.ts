import { z } from 'zod'
import type { Db } from '#lib/db/client.ts'
import { pageQuery, parse } from '../http/query.ts'
import { forwardOnly, jsonRoutes, param, type Route } from '../http/router.ts'
import { createEnvironmentBody, updateEnvironmentBody } from './schema.ts'
import {
  archiveEnvironment,
  createEnvironment,
  deleteEnvironment,
  listEnvironments,
  readEnvironment,
  updateEnvironment,
} from './store.ts'

const listQuery = z.object({ ...pageQuery(20, 100), include_archived: z.stringbool().default(false) })

export function environmentRoutes(db: Db): Route[] {
  return jsonRoutes(
    ['api'],
    [
      [
        'POST',
        '/v1/environments',
        async (call) => await createEnvironment(db, parse(createEnvironmentBody, call.body), call.now),
      ],
      [
        'GET',
        '/v1/environments',
        async ({ query }) => {
          const args = parse(listQuery, query)
          return forwardOnly(await listEnvironments(db, { ...args, includeArchived: args.include_archived }))
        },
      ],
      ['GET', '/v1/environments/:environment', async (call) => await readEnvironment(db, param(call, 'environment'))],
      [
        'POST',
        '/v1/environments/:environment',
        async (call) => {
          const body = parse(updateEnvironmentBody, call.body)
          return await updateEnvironment(db, param(call, 'environment'), { body, now: call.now })
        },
      ],
      [
        'DELETE',
        '/v1/environments/:environment',
        async (call) => await deleteEnvironment(db, param(call, 'environment')),
      ],
      [
        'POST',
        '/v1/environments/:environment/archive',
        async (call) => await archiveEnvironment(db, param(call, 'environment'), call.now),
      ],
    ],
  )
}
