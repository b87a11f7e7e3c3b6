import { expect } from 'vitest'
import { serveDocument } from '#lib/dev/test/app-client.ts'
import { allowed, exchange, lastAppEvent, later, now, paramsOf, redirect, server, who } from '#lib/dev/test/apps.ts'
import { testAuthority } from '#lib/dev/test/certificates.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { secretBox } from '#lib/dev/test/broker.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { anonymous } from '../ctx.ts'
import { createTokenIssuer } from './agent-tokens.ts'
import { createClientDocuments, registerAppClient } from './app-clients.ts'
import { decideAuthorization, reviewAuthorization } from './app-consent.ts'
import { exchangeAppToken, forgetAppTokens } from './app-tokens.ts'
import { answerRegistration, answerRevocationEndpoint, answerTokenEndpoint } from './oauth-endpoints.ts'

dbTest(
  'an app is what the document at its address says now, read over TLS, once for a page and its button',
  async ({ db }) => {
    const authority = await testAuthority()
    const { certificate, privateKey } = await authority.issue('CN=localhost')
    let document: Record<string, unknown> = {}
    const site = await serveDocument({
      key: privateKey,
      cert: certificate,
      answer: (path) => {
        if (path === '/moved') return { status: 302, body: '', location: '/client' }
        if (path === '/page') return { type: 'text/html', body: '{}' }
        if (path === '/long') return { body: JSON.stringify({ padding: 'x'.repeat(20_000) }) }
        return { body: path === '/broken' ? '{' : JSON.stringify(document) }
      },
    })
    try {
      const clientId = `${site.url}/client`
      document = { client_id: clientId, client_name: 'Claude', redirect_uris: [redirect] }
      const documents = createClientDocuments({ privateHosts: ['localhost'], ca: authority.ca })
      const ours = { ...server, documents }
      const person = await makePerson(db)
      const review = (id: string, at = now) =>
        reviewAuthorization(ctxFor(db, person, at), { server: ours, params: paramsOf(id).params })
      expect(await review(clientId)).toMatchObject({
        ok: true,
        value: { client: { name: 'Claude', host: new URL(site.url).host } },
      })
      const decided = await decideAuthorization(ctxFor(db, person, now), {
        server: ours,
        params: paramsOf(clientId).params,
        allow: true,
      })
      expect([decided.ok, site.asked]).toEqual([true, ['/client']])
      // Later the document counts as it is then.
      document = { ...document, redirect_uris: ['https://elsewhere.test/cb'] }
      expect(await review(clientId, later(11 * 60_000))).toMatchObject({
        error: { rule: 'app:redirect_not_registered' },
      })
      for (const path of ['moved', 'page', 'long', 'broken', 'client?other']) {
        expect([path, await review(`${site.url}/${path}`)]).toMatchObject([
          path,
          { ok: false, error: { rule: 'app:client_document' } },
        ])
      }
      // An address inside is not read, be it a name or a number.
      const asked = site.asked.length
      for (const id of [clientId, clientId.replace('localhost', '127.0.0.1')]) {
        const inside = { ...server, documents: createClientDocuments({ ca: authority.ca }) }
        const refused = await reviewAuthorization(ctxFor(db, person, later(60 * 60_000)), {
          server: inside,
          params: paramsOf(id).params,
        })
        expect(refused).toMatchObject({ ok: false, error: { rule: 'app:client_document' } })
      }
      expect(site.asked).toHaveLength(asked)
    } finally {
      await site.stop()
    }
  },
)

dbTest(
  'registration is limited by network and site and lets nobody shut others out; what nobody uses is forgotten',
  async ({ db }) => {
    const ask = (address: string, body: unknown = { client_name: 'Claude', redirect_uris: [redirect] }) => {
      const headers = new Headers({ 'x-forwarded-for': address })
      return answerRegistration(ctxFor(db, anonymous, now), { headers, body })
    }
    const made = await ask('198.51.100.7')
    expect([made.status, await made.json()]).toMatchObject([
      201,
      {
        client_id: expect.stringMatching(/^app-/) as string,
        token_endpoint_auth_method: 'none',
        redirect_uris: [redirect],
      },
    ])
    expect(await lastAppEvent(db)).toMatchObject({ event: 'app.registered', actorKind: 'anonymous' })
    const bad = await ask('198.51.100.7', { redirect_uris: ['http://evil.test/cb'] })
    expect([bad.status, await bad.json()]).toMatchObject([400, { error: 'invalid_redirect_uri' }])
    for (let tries = 2; tries < 10; tries += 1) await ask('198.51.100.7')
    const limited = await ask('198.51.100.7')
    const retryAfter = Number(limited.headers.get('retry-after'))
    expect([limited.status, retryAfter > 0 && retryAfter <= 300]).toEqual([429, true])
    expect((await ask('198.51.100.8')).status).toBe(201)
    // One host has a whole /64, and one caller may have a whole /48.
    for (let host = 1; host <= 10; host += 1) expect((await ask(`2001:db8:1:2::${host}`)).status).toBe(201)
    expect((await ask('2001:db8:1:2::ffff')).status).toBe(429)
    for (let network = 10; network < 30; network += 1) expect((await ask(`2001:db8:1:${network}::1`)).status).toBe(201)
    expect((await ask('2001:db8:1:99::1')).status).toBe(429)
    expect((await ask('2001:db8:2:99::1')).status).toBe(201)
    const { form } = await allowed(db)
    const tokens = await exchange(db, form)
    if (!tokens.ok) throw new Error(tokens.error.message)
    const unconnected = () => db.appClient.count({ where: { kind: 'registered', connections: { none: {} } } })
    await db.appClient.createMany({
      data: Array.from({ length: 999 - (await unconnected()) }, (_, at) => ({
        id: `app-${at}`,
        kind: 'registered',
        name: 'x',
        registeredFrom: '192.0.2.0/24',
        createdAt: new Date(now.getTime() - 2 * 3_600_000 - at),
      })),
    })
    // Two who come at once for the last place: both get one, and the one that waited longest is forgotten.
    const register = (from = '192.0.2.0/24') =>
      registerAppClient(ctxFor(db, anonymous, now), { document: { redirect_uris: [redirect] }, from })
    const last = await Promise.allSettled([register(), register()])
    expect([last.map(({ status }) => status).toSorted(), await unconnected()]).toEqual([
      ['fulfilled', 'fulfilled'],
      1000,
    ])
    // Whoever registers on and on, from one site or from hundreds, pushes out their own and nobody else's.
    const mine = await register('198.51.100.0/24')
    if (!mine.ok) throw new Error(mine.error.message)
    for (let more = 0; more < 60; more += 1) await register(more % 2 ? '192.0.2.0/24' : `10.0.${more}.0/24`)
    expect([await unconnected(), await db.appClient.count({ where: { id: mine.value.id } })]).toEqual([1000, 1])
    await forgetAppTokens({ ...ctxFor(db), now: later(2 * 86_400_000) })
    expect(await db.appClient.count({ where: { connections: { none: {} } } })).toBe(0)
    const refresh = {
      grant_type: 'refresh_token',
      refresh_token: tokens.value.refreshToken,
      client_id: form.client_id,
    }
    expect(
      (
        await exchangeAppToken(ctxFor(db, anonymous, later(2 * 86_400_000)), {
          server,
          form: new URLSearchParams(refresh),
        })
      ).ok,
    ).toBe(true)
    await forgetAppTokens({ ...ctxFor(db), now: later(400 * 86_400_000) })
    expect([await db.appConnection.count(), await db.appToken.count()]).toEqual([0, 0])
  },
)

dbTest('the endpoints answer apps as OAuth says, and take no app that shows a secret', async ({ db }) => {
  const issuer = createTokenIssuer({ url: server.issuer, brokerUrl: 'https://broker.test', secretBox })
  const headers = new Headers({ 'content-type': 'application/x-www-form-urlencoded' })
  const asked = (form: Record<string, string>) => ({
    issuer,
    apps: server,
    headers,
    body: new URLSearchParams(form).toString(),
  })
  const ctx = ctxFor(db, anonymous, now)
  const { form, clientId } = await allowed(db)
  const secret = await answerTokenEndpoint(ctx, asked({ ...form, client_secret: 'x' }))
  expect([secret.status, await secret.json()]).toMatchObject([401, { error: 'invalid_client' }])
  const good = await answerTokenEndpoint(ctx, asked(form))
  const tokens = (await good.json()) as { access_token: string; refresh_token: string }
  expect([good.status, good.headers.get('cache-control')]).toEqual([200, 'no-store'])
  expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 3600, scope: 'agents:read runs:read' })
  const missing = await answerTokenEndpoint(ctx, asked({ grant_type: 'refresh_token', client_id: clientId }))
  expect([missing.status, await missing.json()]).toMatchObject([400, { error: 'invalid_request' }])
  const other = await answerRevocationEndpoint(ctx, asked({ token: tokens.access_token, client_id: 'app-other' }))
  expect([other.status, await other.json()]).toMatchObject([400, { error: 'unauthorized_client' }])
  expect(await who(db, tokens.access_token)).not.toBeNull()
  const ended = await answerRevocationEndpoint(ctx, asked({ token: tokens.access_token, client_id: clientId }))
  expect([ended.status, await who(db, tokens.access_token)]).toEqual([200, null])
  expect(await lastAppEvent(db)).toMatchObject({ event: 'app.disconnected', detail: { by: 'app' } })
})
