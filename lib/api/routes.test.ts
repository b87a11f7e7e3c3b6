import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '#lib/dev/source-files.ts'
import { allRoutes, mountedRoutes } from '#lib/dev/test/api-portal.ts'

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

test('the table lists exactly the endpoints that are served', async () => {
  const served = (await mountedRoutes()).flatMap(({ path, handlers }) =>
    methods.filter((method) => handlers[method]).map((method) => `${method} ${path}`),
  )
  expect(allRoutes.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(served.toSorted())
})

test('every example passes the schemas of its endpoint', () => {
  const wrong = allRoutes.filter(
    ({ params, query, body, example }) =>
      (params && !params.safeParse(example?.params).success) ||
      (query && !query.safeParse(example?.query ?? {}).success) ||
      (body && !body.safeParse(example?.body).success),
  )
  expect(wrong.map(({ method, path }) => `${method} ${path}`)).toEqual([])
})

test('every dynamic segment has a schema, and every sentence ends', () => {
  for (const { path, params, summary } of allRoutes) {
    expect({ path, named: path.includes('{') }).toEqual({ path, named: params !== undefined })
    expect(summary).toMatch(/\.$/)
  }
})

test('the README lists every endpoint with its permission and sentence', () => {
  const readme = readFileSync(join(root, 'lib/api/README.md'), 'utf8')
  const missing = allRoutes
    .map(({ method, path, permission, summary }) => {
      return `| \`${method} ${path.slice('/api/v1'.length)}\` | ${permission ?? 'signed in'} | ${summary} |`
    })
    .filter((row) => !readme.includes(row))
  expect(missing).toEqual([])
})

test('what can be read alone and written carries a revision, on both sides', () => {
  const one = /^\/api\/v1\/([\w-]+(?:\/views)?)\/\{id\}/
  const of = (path: string) => one.exec(path)?.[1] ?? null
  const written = new Set(allRoutes.filter(({ method }) => method !== 'GET').map(({ path }) => of(path)))
  const things = allRoutes.filter(({ method, path }) => method === 'GET' && of(path) && path.endsWith('{id}'))
  const readable = things.filter(({ path }) => written.has(of(path)))
  expect(readable.length).toBeGreaterThan(6)
  expect(readable.filter(({ revision }) => !revision).map(({ path }) => path)).toEqual([])
  const known = new Map(readable.map(({ path, revision }) => [of(path), revision]))
  const without = allRoutes.filter(
    ({ method, path, revision }) => method !== 'GET' && known.has(of(path)) && revision !== known.get(of(path)),
  )
  // It opens a grant of its own and leaves the agent as it is.
  expect(without.map(({ path }) => path)).toEqual(['/api/v1/agents/{id}/break-glass'])
})
