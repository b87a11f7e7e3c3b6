import { expect, test } from 'vitest'
import { mountedRoutes } from '#lib/dev/test/api-portal.ts'
import { allRoutes } from './routes.ts'

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

test('the table lists exactly the endpoints that are served', async () => {
  const served = (await mountedRoutes()).flatMap(({ path, handlers }) =>
    methods.filter((method) => handlers[method]).map((method) => `${method} ${path}`),
  )
  expect(allRoutes.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(served.toSorted())
})

test('every example passes the schemas of its endpoint', () => {
  for (const { method, path, params, query, body, example } of allRoutes) {
    const where = `${method} ${path}`
    expect(params?.safeParse(example?.params).error, where).toBeUndefined()
    expect(query?.safeParse(example?.query ?? {}).error, where).toBeUndefined()
    expect(body?.safeParse(example?.body).error, where).toBeUndefined()
  }
})

test('every dynamic segment has a schema, and every sentence ends', () => {
  for (const { path, params, summary } of allRoutes) {
    expect(path.includes('{'), path).toBe(params !== undefined)
    expect(summary).toMatch(/\.$/)
  }
})
