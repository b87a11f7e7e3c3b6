import type { Db } from '#lib/db/client.ts'
import type { Journal } from '../events/journal.ts'
import { ApiError } from '../http/errors.ts'
import { parse } from '../http/query.ts'
import { type Call, jsonRoutes, param, type Route } from '../http/router.ts'
import type { Supervisor } from '../loop/supervisor.ts'
import { createSessionBody, listSessionsQuery, updateSessionBody } from './schema.ts'
import { archiveSession, createSession, deleteSession, listSessions, readSession, updateSession } from './store.ts'

type Options = { db: Db; journal: Journal; supervisor: Pick<Supervisor, 'wake' | 'cut'> }

export function sessionRoutes(options: Options): Route[] {
  const { db, supervisor } = options
  return [
    ...jsonRoutes(
      ['api'],
      [
        [
          'POST',
          '/v1/sessions',
          async (call) => {
            const session = await createSession(options, parse(createSessionBody, call.body), call.now)
            supervisor.wake(session.id)
            return session
          },
        ],
        ['GET', '/v1/sessions', async (call) => await listSessions(db, parse(listSessionsQuery, call.query), call.now)],
        [
          'POST',
          '/v1/sessions/:session',
          async (call) => {
            const id = param(call, 'session')
            const session = await updateSession(options, id, parse(updateSessionBody, call.body))
            supervisor.wake(id)
            return session
          },
        ],
        [
          'POST',
          '/v1/sessions/:session/archive',
          async (call) => {
            const session = await archiveSession(options, param(call, 'session'), call.now)
            supervisor.cut(session.id)
            return session
          },
        ],
        ['DELETE', '/v1/sessions/:session', async (call) => await deleteSession(options, param(call, 'session'))],
      ],
    ),
    ...jsonRoutes(
      ['api', 'environment', 'item'],
      [
        [
          'GET',
          '/v1/sessions/:session',
          async (call) => {
            await checkReach(db, call)
            return await readSession(db, param(call, 'session'), call.now)
          },
        ],
      ],
    ),
  ]
}

/** A worker reaches the sessions it may serve: with an item's token that one, with the environment key those of self-hosted environments. */
export async function checkReach(db: Db, call: Pick<Call, 'principal' | 'params'>): Promise<void> {
  const { principal } = call
  const id = call.params.session ?? ''
  if (principal.kind === 'api') return
  const reaches =
    principal.kind === 'item' ? principal.sessionId === id : (await db.embWork.count({ where: { sessionId: id } })) > 0
  if (!reaches) throw new ApiError(403, 'This credential does not reach that session.')
}
