import { AsyncLocalStorage } from 'node:async_hooks'
import type { Db } from '#lib/db/client.ts'
import { sealSessionId, sessionCookieName } from '#lib/web/cookie.ts'
import { portal } from '#lib/web/db.ts'

type Carried = { headers: Headers; cookies: ReadonlyMap<string, string> }
const current = new AsyncLocalStorage<Carried>()

/** In the place of `next/headers`, which only answers inside of Next: the request that `asBrowserOf` makes. */
export const browserRequest = {
  headers: async () => current.getStore()!.headers,
  cookies: async () => ({
    get: (name: string) => {
      const value = current.getStore()!.cookies.get(name)
      return value === undefined ? undefined : { name, value }
    },
    set: () => {},
    delete: () => {},
  }),
}

/** Runs something as a request of the browser in which somebody is signed in, from a page of the portal. */
export async function asBrowserOf<T>(db: Db, personId: string, run: () => Promise<T>): Promise<T> {
  const { config } = portal()
  const expiresAt = new Date(Date.now() + 3_600_000)
  const session = await db.loginSession.create({ data: { personId, expiresAt } })
  const cookies = new Map([[sessionCookieName(config.url), await sealSessionId(config, session.id)]])
  const headers = new Headers({ origin: config.url, 'x-forwarded-for': '192.0.2.1' })
  return await current.run({ headers, cookies }, run)
}
