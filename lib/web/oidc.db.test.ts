import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import NextAuthModule, { type NextAuthOptions } from 'next-auth'
import { describe, expect } from 'vitest'
import { actorForSession } from '#lib/auth/queries.ts'
import { parsePortalConfig } from '#lib/config/portal.ts'
import { freePort } from '#lib/dev/ports.ts'
import { TestBrowser } from '#lib/dev/test/browser.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { type IdentityProvider, startIdentityProvider } from '#lib/dev/test/identity-provider.ts'
import { createLog } from '#lib/log/log.ts'
import { authOptions } from './auth-options.ts'
import { openSessionCookie, sessionCookieName } from './cookie.ts'

type Handler = (request: object, response: object, options: NextAuthOptions) => Promise<unknown>
// A CommonJS package: under Node its function is one step further in.
const nextAuth = ((NextAuthModule as { default?: unknown }).default ?? NextAuthModule) as Handler

type Fixture = { url: string; authSecret: string; provider: IdentityProvider }

const oidcTest = dbTest.extend(
  'portal',
  { scope: 'file' },
  async ({ db, databaseUrl }, { onCleanup }): Promise<Fixture> => {
    const port = await freePort()
    const url = `http://localhost:${port}`
    const provider = await startIdentityProvider(`${url}/api/auth/callback/oidc`)
    const config = parsePortalConfig({
      DATABASE_URL: databaseUrl,
      WHEELHOUSE_URL: url,
      WHEELHOUSE_AUTH_SECRET: 'a'.repeat(40),
      WHEELHOUSE_ENCRYPTION_KEY: Buffer.alloc(32).toString('base64'),
      WHEELHOUSE_CLAUDE_KEY: 'b'.repeat(40),
      OIDC_ISSUER: provider.issuer,
      OIDC_CLIENT_ID: provider.clientId,
      OIDC_CLIENT_SECRET: provider.clientSecret,
      OIDC_GROUP_ROLES: 'leads=team_lead,sec=security',
    })
    process.env['NEXTAUTH_URL'] = url
    const log = createLog({ process: 'test', level: 'silent' })
    const server = createServer((request, response) => {
      const options = authOptions({ config, db, log, requestId: 'req_test', userAgent: 'a browser' })
      void handOver(request, response, options)
    })
    await new Promise<void>((resolve) => server.listen(port, 'localhost', resolve))
    onCleanup(async () => {
      server.closeAllConnections()
      server.close()
      await provider.stop()
    })
    return { url, authSecret: config.authSecret, provider }
  },
)

// The seven members of a Next request and answer that next-auth touches.
async function handOver(request: IncomingMessage, response: ServerResponse, options: NextAuthOptions): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost')
  let text = ''
  for await (const chunk of request) text += String(chunk)
  const pairs = (request.headers.cookie ?? '').split('; ').map((pair) => pair.split(/=(.*)/s))
  const cookies = Object.fromEntries(pairs.map(([name, value = '']) => [name, decodeURIComponent(value)]))
  const send = (body: unknown) => response.end(typeof body === 'string' ? body : JSON.stringify(body ?? null))
  Object.assign(response, {
    status: (code: number) => Object.assign(response, { statusCode: code }),
    json: send,
    send,
  })
  const nextauth = url.pathname.split('/').slice(3)
  const query = { ...Object.fromEntries(url.searchParams), nextauth }
  await nextAuth(
    {
      method: request.method,
      headers: request.headers,
      cookies,
      query,
      body: Object.fromEntries(new URLSearchParams(text)),
    },
    response,
    options,
  )
}

/** From the button on the sign-in page to the identity provider's answer at our callback, which is not yet called. */
async function walk(browser: TestBrowser, { url, provider }: Fixture, account: string): Promise<string> {
  const { csrfToken } = (await (await browser.fetch(`${url}/api/auth/csrf`)).json()) as { csrfToken: string }
  const form = { csrfToken, callbackUrl: `${url}/agents`, json: 'true' }
  const start = (await (await browser.fetch(`${url}/api/auth/signin/oidc`, { form })).json()) as { url: string }
  expect(new URL(start.url).origin).toBe(provider.issuer)
  for (const check of ['code_challenge', 'state', 'nonce'])
    expect(new URL(start.url).searchParams.get(check)).toBeTruthy()

  const ours = (address: string) => address.startsWith(url)
  let at = await browser.follow({ url: start.url, response: await browser.fetch(start.url) }, ours)
  const steps: Record<string, string>[] = [{ prompt: 'login', login: account, password: 'any' }, { prompt: 'consent' }]
  for (const step of steps) {
    if (ours(at.url)) break
    at = await browser.follow({ url: at.url, response: await browser.fetch(at.url, { form: step }) }, ours)
  }
  return at.url
}

async function finish(browser: TestBrowser, fixture: Fixture, callback: string) {
  const response = await browser.fetch(callback)
  const cookie = browser.cookie(fixture.url, sessionCookieName(fixture.url))
  return {
    location: response.headers.get('location') ?? '',
    sessionId: await openSessionCookie(fixture, cookie),
    cookie,
  }
}

describe('signing in with a real OpenID Connect provider', () => {
  oidcTest('ends where one wanted to go, with a session and the roles of the groups', async ({ db, portal }) => {
    portal.provider.people.set('ada', { email: 'Ada@Corp.example', name: 'Ada', groups: ['leads', 'other'] })
    const browser = new TestBrowser()
    const { location, sessionId, cookie } = await finish(browser, portal, await walk(browser, portal, 'ada'))
    expect(location).toBe(`${portal.url}/agents`)
    const actor = await actorForSession(db, { sessionId: sessionId!, now: new Date() })
    expect(actor).toMatchObject({ name: 'Ada', email: 'ada@corp.example', roles: ['team_lead'] })
    expect(cookie).not.toContain('Ada')
    const person = await db.person.findUniqueOrThrow({ where: { id: actor!.id } })
    expect(person).toMatchObject({ source: 'oidc', subject: `${portal.provider.issuer}|ada` })
  })

  oidcTest('a moved group changes the roles at the next sign-in', async ({ db, portal }) => {
    portal.provider.people.set('bea', { email: 'bea@corp.example', name: 'Bea', groups: ['leads'] })
    const first = new TestBrowser()
    await finish(first, portal, await walk(first, portal, 'bea'))
    portal.provider.people.set('bea', { email: 'bea@corp.example', name: 'Bea', groups: ['sec'] })
    const second = new TestBrowser()
    const { sessionId } = await finish(second, portal, await walk(second, portal, 'bea'))
    expect((await actorForSession(db, { sessionId: sessionId!, now: new Date() }))?.roles).toEqual(['security'])
  })

  oidcTest('a deactivated person is sent back with the reason and without a session', async ({ db, portal }) => {
    portal.provider.people.set('cyn', { email: 'cyn@corp.example', name: 'Cyn', groups: [] })
    const first = new TestBrowser()
    await finish(first, portal, await walk(first, portal, 'cyn'))
    await db.person.update({ where: { email: 'cyn@corp.example' }, data: { active: false } })
    const second = new TestBrowser()
    const { location, sessionId } = await finish(second, portal, await walk(second, portal, 'cyn'))
    expect(location).toContain('/sign-in?error=deactivated')
    expect(sessionId).toBeNull()
  })

  oidcTest(
    "an answer that was meant for another browser, or with another's state, opens nothing",
    async ({ db, portal }) => {
      portal.provider.people.set('dan', { email: 'dan@corp.example', name: 'Dan', groups: ['sec'] })
      const victim = new TestBrowser()
      const callback = await walk(victim, portal, 'dan')
      const stranger = new TestBrowser()
      const elsewhere = await finish(stranger, portal, callback)
      expect(elsewhere).toMatchObject({ sessionId: null })
      const first = { url: elsewhere.location, response: await stranger.fetch(elsewhere.location) }
      const told = await stranger.follow(first, (address) => address.startsWith(`${portal.url}/sign-in`))
      expect(new URL(told.url).searchParams.get('error')).toBe('OAuthCallback')

      const forged = new URL(callback)
      forged.searchParams.set('state', 'forged')
      expect(await finish(victim, portal, forged.href)).toMatchObject({ sessionId: null })
      expect(await db.person.findUnique({ where: { email: 'dan@corp.example' } })).toBeNull()
    },
  )

  oidcTest('signing in without the form token of our own page goes nowhere', async ({ portal }) => {
    const browser = new TestBrowser()
    const form = { csrfToken: 'guessed', callbackUrl: `${portal.url}/agents`, json: 'true' }
    const answer = (await (await browser.fetch(`${portal.url}/api/auth/signin/oidc`, { form })).json()) as {
      url: string
    }
    expect(new URL(answer.url).origin).toBe(portal.url)
  })
})
