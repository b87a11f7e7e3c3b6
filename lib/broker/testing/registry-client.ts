import type { Role } from '#lib/auth/permissions.ts'
import type { Db } from '#lib/db/client.ts'
import { makeToken } from '#lib/dev/test/api-portal.ts'
import { makePerson } from '#lib/dev/test/fleet.ts'
import { registryTools } from '../registry/tools.ts'

/** What the questions to the registry take. */
export const registryPermissions = [...new Set(registryTools.map(({ permission }) => permission))]

/** Somebody with a token for the registry. */
export async function personWithToken(
  db: Db,
  options: { roles?: readonly Role[]; permissions?: readonly string[] } = {},
) {
  const person = await makePerson(db, { roles: options.roles ?? ['builder'] })
  const token = await makeToken(db, { personId: person.id, permissions: options.permissions ?? registryPermissions })
  return { person, token }
}

/** One bare request to the registry, or to another address of the broker. */
export function post(
  url: string,
  options: { token?: string; path?: string; body?: string; headers?: Record<string, string> },
): Promise<Response> {
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }
  return fetch(url + (options.path ?? '/mcp/registry'), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(options.token ? { authorization: `Bearer ${options.token}` } : {}),
      ...options.headers,
    },
    body: options.body ?? JSON.stringify(call),
  })
}
