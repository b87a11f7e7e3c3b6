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

/** Writes that take no If-Match, by the reason why; one that is not here compares what it writes with what was read. */
const withoutRevision: Record<string, readonly string[]> = {
  'it makes something new': [
    'POST /agents',
    'POST /agents/views',
    'POST /agents/{id}/break-glass',
    'POST /approval-rules',
    'POST /delegations',
    'POST /hold-rules',
    'POST /notification-channels',
    'POST /policy-sets',
    'POST /replays',
    'POST /review-campaigns',
    'POST /runs',
    'POST /scope-requests',
    'POST /servers',
    'POST /servers/import',
    'POST /servers/packages',
    'POST /servers/probes',
    'POST /tokens',
    'POST /webhooks',
  ],
  'it stops, and stopping waits for nothing': ['POST /kill'],
  'the next key follows whichever there is': ['POST /sealing-keys/rotate', 'POST /signing-keys'],
  'it is about several, each decided by its own state': [
    'POST /agents/apply',
    'POST /agents/bulk',
    'POST /unregistered/import',
  ],
  'what was proposed is never changed, only ended, once': [
    'POST /servers/loosenings/{id}/confirm',
    'POST /servers/loosenings/{id}/withdraw',
  ],
  'it only looks': ['POST /agents/bulk/eligible', 'POST /policy-sets/check', 'POST /simulate'],
  'it is one’s own alone, and names all that it changes': [
    'PATCH /inbox/{id}',
    'POST /inbox/read',
    'POST /notification-settings/test-mail',
    'PUT /notification-settings/digest',
    'PUT /notification-settings/preferences',
  ],
  'it is one’s own alone, and can only end': ['DELETE /apps/{id}', 'DELETE /tokens/{id}'],
}

test('every write compares what it writes with what was read, or says why it need not', () => {
  const without = allRoutes
    .filter(({ method, revision }) => method !== 'GET' && !revision)
    .map(({ method, path }) => `${method} ${path.slice('/api/v1'.length)}`)
  expect(without.toSorted()).toEqual(Object.values(withoutRevision).flat().toSorted())
})

test('what a write compares can be read with its tag, at an address of its own', () => {
  const readable = new Set(allRoutes.filter(({ method }) => method === 'GET').map(({ revision }) => revision))
  const written = allRoutes.filter(({ method, revision }) => method !== 'GET' && revision)
  expect(written.length).toBeGreaterThan(50)
  expect(written.filter(({ revision }) => !readable.has(revision)).map(({ path }) => path)).toEqual([])
})

test('what can be read alone and written carries the same revision on both sides', () => {
  const one = /^\/api\/v1\/([\w-]+(?:\/views(?:\/defaults)?)?)\/\{\w+\}/
  const of = (path: string) => one.exec(path)?.[1] ?? null
  const written = new Set(allRoutes.filter(({ method }) => method !== 'GET').map(({ path }) => of(path)))
  const things = allRoutes.filter(
    ({ method, path }) => method === 'GET' && of(path) && /\{(?:id|number|role)\}$/.test(path),
  )
  const readable = things.filter(({ path }) => written.has(of(path)))
  expect(readable.length).toBeGreaterThan(15)
  expect(readable.filter(({ revision }) => !revision).map(({ path }) => path)).toEqual([])
  const known = new Map(readable.map(({ path, revision }) => [of(path), revision]))
  const without = allRoutes.filter(
    ({ method, path, revision }) => method !== 'GET' && known.has(of(path)) && revision !== known.get(of(path)),
  )
  // It opens a grant of its own and leaves the agent as it is.
  expect(without.map(({ path }) => path)).toEqual(['/api/v1/agents/{id}/break-glass'])
})
