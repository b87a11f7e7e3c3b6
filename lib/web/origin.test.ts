import { describe, expect, test } from 'vitest'
import { isSameOrigin, isSameOriginRead } from './origin.ts'
import { ownPath } from './own-path.ts'

const url = 'https://wheelhouse.corp.example'
const request = (headers: Record<string, string>) => ({ url, headers: new Headers(headers) })

describe('a changing request', () => {
  test.each([
    [{ origin: url }, true],
    [{ origin: url, 'sec-fetch-site': 'same-origin' }, true],
    [{}, false],
    [{ origin: 'null' }, false],
    [{ origin: 'https://evil.example' }, false],
    [{ origin: 'https://evil.example', host: 'evil.example' }, false],
    [{ origin: 'http://localhost:3000', host: 'localhost:3000' }, false],
    [{ origin: 'https://evil.example', host: 'wheelhouse.corp.example' }, false],
    [{ origin: `${url}.evil.example` }, false],
    [{ origin: url, 'sec-fetch-site': 'cross-site' }, false],
    [{ origin: url, 'sec-fetch-site': 'same-site' }, false],
  ])('with %j counts as our own: %s', (headers, own) => expect(isSameOrigin(request(headers))).toBe(own))
})

test.each([
  ['http://127.0.0.1:3000', true],
  ['http://[::1]:3000', true],
  ['http://127.0.0.1:3001', false],
  ['https://127.0.0.1:3000', false],
  ['http://rebound.example:3000', false],
])('on this machine, a request of %s counts as our own: %s', (origin, own) =>
  expect(isSameOrigin({ url: 'http://localhost:3000', headers: new Headers({ origin }) })).toBe(own),
)

test.each([
  [{}, true],
  [{ 'sec-fetch-site': 'same-origin' }, true],
  [{ 'sec-fetch-site': 'none' }, true],
  [{ 'sec-fetch-site': 'same-site' }, false],
  [{ 'sec-fetch-site': 'cross-site' }, false],
])('a reading request with %j may use the session: %s', (headers, own) =>
  expect(isSameOriginRead(request(headers))).toBe(own),
)

test.each([
  ['/agents?q=a', '/agents?q=a'],
  ['/', '/'],
  ['//evil.example/x', '/'],
  ['/\\evil.example', '/'],
  ['https://evil.example/', '/'],
  ['javascript:alert(1)', '/'],
  ['/sign-in?next=/sign-in', '/'],
  [['/a', '/b'], '/'],
  [undefined, '/'],
])('after signing in, %j leads to %s', (next, path) => expect(ownPath(next)).toBe(path))
