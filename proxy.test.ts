import { NextRequest } from 'next/server'
import { expect, test } from 'vitest'
import { mountedRoutes } from '#lib/dev/test/api-portal.ts'
import { proxy } from './proxy.ts'

const all = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']

const ask = (method: string, path: string) => proxy(new NextRequest(`http://localhost:3000${path}`, { method }))
const goesOn = (response: Response) => response.headers.get('x-middleware-next') === '1'

test('each path of the API takes exactly the methods it has, and tells them to whoever sends another', async () => {
  const mounted = await mountedRoutes()
  expect(mounted.length).toBeGreaterThan(150)
  for (const { path, handlers } of mounted) {
    const own = all.filter((method) => handlers[method])
    const allowed = [...own, ...(own.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].toSorted()
    for (const method of all) {
      const response = ask(method, path.replaceAll(/\{\w+\}/g, 'x-1'))
      const isServed = allowed.includes(method)
      expect([method, path, goesOn(response)]).toEqual([method, path, isServed])
      if (isServed) continue
      expect([response.status, response.headers.get('allow')]).toEqual([405, allowed.join(', ')])
      expect(response.headers.get('content-type')).toBe('application/problem+json')
    }
  }
})

test('the refusal is a problem with the request it belongs to, under the policy of the API', async () => {
  const response = ask('PUT', '/api/v1/agents')
  expect(await response.json()).toEqual({
    type: 'urn:wheelhouse:problem:method_not_allowed',
    title: 'No such method here',
    status: 405,
    detail: '/api/v1/agents takes GET, HEAD, OPTIONS, POST, not PUT.',
    instance: '/api/v1/agents',
    requestId: response.headers.get('x-request-id'),
  })
  expect(response.headers.get('content-security-policy')).toMatch(/default-src 'none'/)
})

test('what is no path of the API goes on to where it is told so, and a page is none of its business', () => {
  for (const path of ['/api/v1/nothing', '/agents', '/api/portal/agents', '/api/v1']) {
    expect([path, goesOn(ask('PUT', path))]).toEqual([path, true])
  }
  expect(ask('DELETE', '/api/v1/openapi.json').status).toBe(405)
})
