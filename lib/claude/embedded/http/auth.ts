import type { IncomingMessage } from 'node:http'
import { equalInConstantTime } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { readWorkToken } from '../work/token.ts'
import { ApiError } from './errors.ts'

/** Who calls: the platform with its API key, a worker with the environment key, or a worker with the token of one work item. */
export type Principal =
  | { kind: 'api' }
  | { kind: 'environment' }
  | {
      kind: 'item'
      workId: string
      environmentId: string
      sessionId: string
      /** Another worker has claimed the item since: it may look, and learn from its heartbeat that the lease is lost. */
      stale: boolean
    }

export type Keys = { apiKey: string; environmentKey: string }

/**
 * Finds out who calls, or throws the API's 401. The API key may come as `x-api-key` or, as the SDK sends it, as a bearer token; worker
 * credentials are bearer tokens. One message for every wrong key, so that nothing can be learned from it.
 */
export async function authenticate(headers: IncomingMessage['headers'], keys: Keys, db: Db): Promise<Principal> {
  const apiKey = headers['x-api-key']
  const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1]
  const key = typeof apiKey === 'string' ? apiKey : bearer
  if (!key) throw new ApiError(401, 'x-api-key header is required')
  if (equalInConstantTime(key, keys.apiKey)) return { kind: 'api' }
  if (bearer && equalInConstantTime(bearer, keys.environmentKey)) return { kind: 'environment' }
  const item = bearer ? await findItem(db, bearer, keys.environmentKey) : null
  if (!item) throw new ApiError(401, 'invalid x-api-key')
  return item
}

/** A token works until its item is stopped. */
async function findItem(db: Db, token: string, environmentKey: string): Promise<Principal | null> {
  const claim = readWorkToken(token, environmentKey)
  if (!claim) return null
  const work = await db.embWork.findUnique({
    where: { id: claim.workId },
    select: { id: true, environmentId: true, sessionId: true, state: true, attempts: true },
  })
  if (!work || work.state === 'stopped') return null
  return {
    kind: 'item',
    workId: work.id,
    environmentId: work.environmentId,
    sessionId: work.sessionId,
    stale: claim.attempt !== work.attempts,
  }
}
