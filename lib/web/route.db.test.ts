import { NextRequest } from 'next/server'
import { afterAll, describe, expect } from 'vitest'
import { z } from 'zod'
import { createAccessToken } from '#lib/auth/commands/tokens.ts'
import { authorize } from '#lib/auth/ctx.ts'
import { DomainError } from '#lib/core/errors.ts'
import { err } from '#lib/core/result.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { sealSessionId, sessionCookieName } from './cookie.ts'
import { portal } from './db.ts'
import type { Problem } from './problem.ts'
import { apiRoute, type RouteHandler } from './route.ts'
import { sseRoute } from './sse.ts'

const url = 'http://localhost:3000'
const routeTest = dbTest.extend('base', { scope: 'file', auto: true }, ({ databaseUrl }) => {
  Object.assign(process.env, {
    DATABASE_URL: databaseUrl,
    WHEELHOUSE_URL: url,
    WHEELHOUSE_DEMO: 'true',
    WHEELHOUSE_AUTH_SECRET: 'a'.repeat(40),
    WHEELHOUSE_ENCRYPTION_KEY: Buffer.alloc(32).toString('base64'),
    WHEELHOUSE_CLAUDE_KEY: 'b'.repeat(40),
    WHEELHOUSE_LOG_LEVEL: 'silent',
  })
  return url
})
afterAll(() => portal().db.$disconnect())

const whoAmI = apiRoute({}, async (ctx) => ({ actor: ctx.actor.name, amount: 12n }))
const noParams = { params: Promise.resolve({}) }

function call(route: RouteHandler, init: { method?: string; headers?: Record<string, string>; body?: string } = {}) {
  return route(new NextRequest(`${url}/api/v1/things`, init), noParams)
}

async function tokenFor(db: Db, permissions: string[]): Promise<{ authorization: string }> {
  const person = await makePerson(db, { roles: ['builder'], name: 'Pat' })
  const { token } = await createAccessToken(ctxFor(db, person), { name: 't', permissions, days: 1 })
  return { authorization: `Bearer ${token}` }
}

async function cookieFor(db: Db): Promise<{ cookie: string }> {
  const person = await makePerson(db, { roles: ['builder'], name: 'Cookie' })
  const session = await db.loginSession.create({
    data: { personId: person.id, expiresAt: new Date(Date.now() + 60_000) },
  })
  const value = await sealSessionId({ url, authSecret: 'a'.repeat(40) }, session.id)
  return { cookie: `other=1; ${sessionCookieName(url)}=${value}` }
}

async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  return (await response.json()) as Problem
}

describe('who calls', () => {
  routeTest('nobody is told to sign in, with the request id in body and header', async () => {
    const response = await call(whoAmI)
    const problem = await problemOf(response)
    expect(problem).toMatchObject({ status: 401, instance: '/api/v1/things' })
    expect(problem.requestId).toMatch(/^req_/)
    expect(response.headers.get('x-request-id')).toBe(problem.requestId)
  })

  routeTest('a token is its owner, and amounts are decimal strings', async ({ db }) => {
    const response = await call(whoAmI, { headers: await tokenFor(db, ['agents:read']) })
    expect(await response.json()).toEqual({ actor: 'Pat', amount: '12' })
  })

  routeTest('a HEAD asks as the GET does, of a stream too, and leaves nothing running', async ({ db }) => {
    const headers = await tokenFor(db, ['agents:read'])
    const head = await call(whoAmI, { method: 'HEAD', headers })
    expect([head.status, head.headers.get('content-type'), await head.text()]).toEqual([200, 'application/json', ''])
    expect((await call(whoAmI, { method: 'HEAD' })).status).toBe(401)
    let ended = false
    const stream = sseRoute({}, async function* () {
      try {
        yield { data: 1 }
        yield { data: 2 }
      } finally {
        ended = true
      }
    })
    const told = await call(stream, { method: 'HEAD', headers })
    expect([told.headers.get('content-type'), await told.text(), ended]).toEqual([
      'text/event-stream; charset=utf-8',
      '',
      true,
    ])
  })

  routeTest('a bad token is refused even beside a good session', async ({ db }) => {
    const headers = { ...(await cookieFor(db)), authorization: `Bearer wh_pat_${'x'.repeat(43)}` }
    expect((await call(whoAmI, { headers })).status).toBe(401)
  })

  routeTest('guessing tokens is slowed down, while good ones from the same address go on', async ({ db }) => {
    const from = { 'x-forwarded-for': '203.0.113.9' }
    const guess = () => call(whoAmI, { headers: { ...from, authorization: `Bearer wh_pat_${'y'.repeat(43)}` } })
    const statuses = await Promise.all(Array.from({ length: 130 }, async () => (await guess()).status))
    // Sixty a minute, and the minute may change meanwhile.
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(10)
    expect((await guess()).headers.get('retry-after')).toMatch(/^[0-9]+$/)
    const good = await call(whoAmI, { headers: { ...from, ...(await tokenFor(db, ['agents:read'])) } })
    expect(good.status).toBe(200)
  })

  routeTest('a token without the permission is refused with the rule named', async ({ db }) => {
    const route = apiRoute({}, async (ctx) => authorize(ctx, 'runs:start'))
    const response = await call(route, { headers: await tokenFor(db, ['agents:read']) })
    expect(await problemOf(response)).toMatchObject({ status: 403, rule: 'permission:runs:start' })
  })

  routeTest('a session reads and writes for our own pages only', async ({ db }) => {
    const cookie = await cookieFor(db)
    const write = (headers: Record<string, string>) =>
      call(whoAmI, { method: 'POST', headers: { ...cookie, ...headers } })
    expect((await call(whoAmI, { headers: cookie })).status).toBe(200)
    expect((await write({ origin: url })).status).toBe(200)
    expect((await write({})).status).toBe(403)
    expect((await write({ origin: 'https://evil.example' })).status).toBe(403)
    const crossRead = await call(whoAmI, { headers: { ...cookie, 'sec-fetch-site': 'cross-site' } })
    expect(await problemOf(crossRead)).toMatchObject({ status: 403, rule: 'same-origin' })
  })
})

describe('what is sent', () => {
  const echo = apiRoute({ body: z.strictObject({ name: z.string() }), bodyBytesMax: 100 }, async (_, { body }) => body)

  routeTest('wrong fields are named', async ({ db }) => {
    const headers = { ...(await tokenFor(db, ['agents:read'])), 'content-type': 'application/json' }
    const response = await call(echo, { method: 'POST', headers, body: '{"name":1}' })
    expect((await problemOf(response)).errors).toHaveProperty('name')
    expect((await call(echo, { method: 'POST', headers, body: '{"name":"a"}' })).status).toBe(200)
  })

  routeTest('text that no database can hold is refused, wherever it stands', async ({ db }) => {
    const headers = { ...(await tokenFor(db, ['agents:read'])), 'content-type': 'application/json' }
    for (const body of ['{"name":"a\\u0000b"}', '{"name":"\\ud83d"}']) {
      const response = await call(echo, { method: 'POST', headers, body })
      expect(await problemOf(response)).toMatchObject({ status: 422, errors: { name: [expect.any(String)] } })
    }
    const deep = apiRoute({ body: z.object({ name: z.unknown() }) }, async () => null)
    const nested = `{"name":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
    expect((await call(deep, { method: 'POST', headers, body: nested })).status).toBe(422)
    const named = apiRoute({ params: z.object({ id: z.string() }) }, async (_, { params }) => params)
    const request = new NextRequest(`${url}/api/v1/things/%00`, { headers })
    expect((await named(request, { params: Promise.resolve({ id: '\0' }) })).status).toBe(422)
    const listed = apiRoute({ query: z.object({ q: z.string() }) }, async (_, { query }) => query)
    const search = new NextRequest(`${url}/api/v1/things?q=a%00`, { headers })
    expect((await listed(search, noParams)).status).toBe(422)
  })

  routeTest('a body that is too large, no JSON or of another type is refused', async ({ db }) => {
    const token = await tokenFor(db, ['agents:read'])
    const json = { ...token, 'content-type': 'application/json' }
    const large = await call(echo, { method: 'POST', headers: json, body: JSON.stringify({ name: 'x'.repeat(200) }) })
    expect(await problemOf(large)).toMatchObject({ status: 422, rule: 'body-size' })
    expect((await call(echo, { method: 'POST', headers: json, body: '{' })).status).toBe(422)
    expect((await call(echo, { method: 'POST', headers: token, body: '{"name":"a"}' })).status).toBe(422)
  })
})

describe('what is answered', () => {
  const open = { auth: 'none' } as const

  routeTest('a refusal of a command is a conflict with its rule and facts', async () => {
    const route = apiRoute(open, async () =>
      err({ rule: 'launch:budget', message: 'The budget is used up.', runId: 'r1' }),
    )
    expect(await problemOf(await call(route))).toMatchObject({
      status: 409,
      rule: 'launch:budget',
      detail: 'The budget is used up.',
      runId: 'r1',
    })
  })

  routeTest('an unknown error tells nothing of itself', async () => {
    const route = apiRoute(open, async () => {
      throw new Error('password=hunter2 at /srv/secret.ts')
    })
    const response = await call(route)
    expect(response.status).toBe(500)
    expect(await response.text()).not.toMatch(/hunter2|secret\.ts/)
  })

  routeTest('a schema that fails inside, as for a bad stored row, is our failure and not the caller’s', async () => {
    const stored = z.object({ manifest: z.object({ hunter2: z.string() }) })
    const route = apiRoute(open, async () => stored.parse({ manifest: {} }))
    const response = await call(route)
    const problem = await problemOf(response)
    expect(problem).toMatchObject({ status: 500, type: 'urn:wheelhouse:problem:internal' })
    expect(JSON.stringify(problem)).not.toContain('hunter2')
  })

  routeTest('too many says when to come back', async () => {
    const route = apiRoute(open, async () => {
      throw new DomainError('rate_limited', 'Too many.', { retryAfterSeconds: 7 })
    })
    expect((await call(route)).headers.get('retry-after')).toBe('7')
  })

  routeTest('a stream sends its events with their ids, then the error that ended it', async () => {
    const route = sseRoute(open, async function* () {
      yield { id: '1', data: { cost: 5n } }
      throw new DomainError('unavailable', 'The log is gone.')
    })
    const response = await call(route)
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const text = await response.text()
    expect(text).toContain('id: 1\ndata: {"cost":"5"}\n\n')
    expect(text).toContain('event: error\n')
    expect(text).toContain('The log is gone.')
  })

  routeTest('a stream that is refused before its first event is a problem, not a stream', async () => {
    const route = sseRoute(open, () => {
      throw new DomainError('not_found', 'No such run.')
    })
    expect(await problemOf(await call(route))).toMatchObject({ status: 404 })
  })
})
