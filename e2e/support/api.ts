import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type APIRequestContext, expect, request } from '@playwright/test'

export const portal = process.env['WHEELHOUSE_URL'] ?? 'http://localhost:3000'

/** What the first platform admin may do over REST, for what a journey needs to be there before it begins. */
export async function adminApi(): Promise<APIRequestContext> {
  const home = process.env['WHEELHOUSE_HOME'] ?? '.wheelhouse'
  const token = (await readFile(join(home, 'admin-token'), 'utf8')).trim()
  return await request.newContext({ baseURL: portal, extraHTTPHeaders: { authorization: `Bearer ${token}` } })
}

/** Posts it, and fails with what the answer says if it is another than that of success. */
export async function post<T = unknown>(api: APIRequestContext, path: string, data: object, success = 201): Promise<T> {
  const response = await api.post(`/api/v1${path}`, { data })
  const body = await response.text()
  expect(response.status(), `${path}: ${body}`).toBe(success)
  return (body === '' ? null : JSON.parse(body)) as T
}
