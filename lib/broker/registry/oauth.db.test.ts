import { expect } from 'vitest'
import { decideAuthorization, reviewAuthorization } from '#lib/auth/commands/app-consent.ts'
import { createClientDocuments } from '#lib/auth/commands/app-clients.ts'
import { endAppConnection } from '#lib/auth/commands/app-tokens.ts'
import type { Actor } from '#lib/auth/ctx.ts'
import { hashToken } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { AppClient, startOAuthPortal } from '#lib/dev/test/app-client.ts'
import { encryptionKey } from '#lib/dev/test/broker.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { startBroker } from '../testing/start-broker.ts'

/** The broker, and the portal's authorization server with its real handlers, each at its address. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const [portalPort, brokerPort] = [await freePort(), await freePort()]
  const brokerUrl = `http://127.0.0.1:${brokerPort}`
  const portal = await startOAuthPortal({ db, databaseUrl, port: portalPort, brokerUrl, encryptionKey })
  const portalUrl = portal.config.url
  const broker = await startBroker({ db, databaseUrl, port: brokerPort, portalUrl, encryptionKey })
  onCleanup(async () => {
    await broker.stop()
    await portal.stop()
  })
  const resource = `${brokerUrl}/mcp/registry`
  return { portalUrl, resource, server: { issuer: portalUrl, resource, documents: createClientDocuments() } }
})

type World = { portalUrl: string; resource: string; server: Parameters<typeof decideAuthorization>[1]['server'] }

/** What the consent page does when the person presses its button: the answer as the app gets it. */
async function decide(db: Db, world: World, options: { person: Actor; app: AppClient; allow?: boolean }) {
  const params = Object.fromEntries(options.app.sentTo!.searchParams)
  const input = { server: world.server, params }
  const review = await reviewAuthorization(ctxFor(db, options.person), input)
  const decided = await decideAuthorization(ctxFor(db, options.person), { ...input, allow: options.allow ?? true })
  if (!review.ok || !decided.ok) throw new Error('It was refused.')
  return { review: review.value, answer: new URL(decided.value.redirectTo).searchParams }
}

async function connected(db: Db, world: World, options: { era?: 'modern' | 'legacy' } = {}) {
  const person = await makePerson(db)
  const app = new AppClient()
  const transport = await app.begin(world.resource)
  const { answer } = await decide(db, world, { person, app })
  await transport.finishAuth(answer)
  return { person, app, client: await app.connect(world.resource, options.era) }
}

function post(world: World, path: string, form: Record<string, string>): Promise<Response> {
  return fetch(world.portalUrl + path, { method: 'POST', body: new URLSearchParams(form) })
}

test('an app finds the way from a refusal to the person, and asks as that person', async ({ db, world }) => {
  const person = await makePerson(db)
  const app = new AppClient()
  const transport = await app.begin(world.resource)
  expect(app.sentTo?.origin + (app.sentTo?.pathname ?? '')).toBe(`${world.portalUrl}/oauth/authorize`)
  const asked = Object.fromEntries(app.sentTo!.searchParams)
  expect(asked).toMatchObject({ resource: world.resource, code_challenge_method: 'S256', response_type: 'code' })
  expect(asked['scope']).toBe('agents:read servers:read fleet:read runs:read')

  const { review, answer } = await decide(db, world, { person, app })
  expect(review).toMatchObject({ client: { name: 'Test Claude', host: null }, redirectHost: null })
  expect(review.scopes.map(({ permission }) => permission)).toEqual([
    'agents:read',
    'servers:read',
    'fleet:read',
    'runs:read',
  ])
  expect([answer.get('iss'), answer.get('state')]).toEqual([world.portalUrl, 'a-state'])
  await transport.finishAuth(answer)

  for (const era of ['modern', 'legacy'] as const) {
    const client = await app.connect(world.resource, era)
    const counted = await client.callTool({ name: 'count_agents', arguments: { query: 'can:write' } })
    expect([era, counted.isError ?? false]).toEqual([era, false])
    const row = await db.auditEvent.findFirst({ where: { actorId: person.id }, orderBy: { seq: 'desc' } })
    expect(row).toMatchObject({ event: 'registry.asked', detail: { via: expect.stringMatching(/^app:/) as string } })
    await client.close()
  }
  const events = await db.auditEvent.findMany({ where: { event: { startsWith: 'app.' } }, orderBy: { seq: 'asc' } })
  expect(events.map(({ event }) => event)).toEqual(['app.registered', 'app.connected', 'app.token_issued'])
  expect(
    JSON.stringify(events, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
  ).not.toMatch(/wh_(code|app|ref)_/)
})

test('an access token that has expired is renewed without the person, and the old refresh token is spent', async ({
  db,
  world,
}) => {
  const { app, client } = await connected(db, world)
  await client.close()
  const first = app.stored!
  await db.appToken.updateMany({ where: { kind: 'access' }, data: { expiresAt: new Date() } })
  const again = await app.connect(world.resource)
  expect(app.stored?.refresh_token).not.toBe(first.refresh_token)
  expect((await again.listTools()).tools).toHaveLength(12)
  await again.close()
  const spent = await db.appToken.findUniqueOrThrow({ where: { hash: hashToken(first.refresh_token!) } })
  expect(spent.usedAt).not.toBeNull()
})

test('whoever ends it ends it at once: the person, the app, their deactivation', async ({ db, world }) => {
  const ways = {
    person: async ({ person, id }: { person: Actor; id: string }) =>
      endAppConnection(ctxFor(db, person), { connectionId: id }),
    app: async ({ app }: { app: AppClient }) => {
      const clientId = (app.clientInformation() as { client_id: string }).client_id
      const form = { token: app.stored!.refresh_token!, client_id: clientId }
      expect((await post(world, '/api/oauth/revoke', form)).status).toBe(200)
    },
    deactivation: ({ person }: { person: Actor }) =>
      db.person.update({ where: { id: person.id }, data: { active: false } }),
  }
  for (const [way, end] of Object.entries(ways)) {
    const { person, app, client } = await connected(db, world)
    expect((await client.listTools()).tools).toHaveLength(12)
    const { id } = await db.appConnection.findFirstOrThrow({ where: { personId: person.id } })
    await end({ person, app, id })
    const headers = { authorization: `Bearer ${app.stored!.access_token}`, 'content-type': 'application/json' }
    const refused = await fetch(world.resource, { method: 'POST', headers, body: '{}' })
    expect([way, refused.status]).toEqual([way, 401])
    const clientId = (app.clientInformation() as { client_id: string }).client_id
    const form = { grant_type: 'refresh_token', refresh_token: app.stored!.refresh_token!, client_id: clientId }
    const renewed = await post(world, '/api/oauth/token', form)
    expect([way, renewed.status, await renewed.json()]).toMatchObject([way, 400, { error: 'invalid_grant' }])
    await client.close().catch(() => {})
  }
})

test('the app is told when the person says no, and gets nothing', async ({ db, world }) => {
  const person = await makePerson(db)
  const app = new AppClient()
  const transport = await app.begin(world.resource)
  const { answer } = await decide(db, world, { person, app, allow: false })
  expect(Object.fromEntries(answer)).toMatchObject({ error: 'access_denied', iss: world.portalUrl, state: 'a-state' })
  await expect(transport.finishAuth(answer)).rejects.toThrow()
  expect(await db.appConnection.count({ where: { personId: person.id } })).toBe(0)
  const row = await db.auditEvent.findFirst({ where: { actorId: person.id }, orderBy: { seq: 'desc' } })
  expect(row).toMatchObject({ event: 'app.refused', decision: 'deny', rule: 'app:denied' })
})

test('what an app was allowed opens no server, and a code or refresh token opens nothing', async ({ db, world }) => {
  const { app, client } = await connected(db, world)
  await client.close()
  const ask = async (url: string, token: string) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    return (await fetch(url, { method: 'POST', headers, body: '{}' })).status
  }
  const { access_token: access, refresh_token: refresh = '' } = app.stored!
  expect(await ask(world.resource.replace('/registry', ''), access)).toBe(401)
  expect(await ask(world.resource.replace('/registry', '/erp'), access)).toBe(401)
  expect(await ask(world.resource, refresh)).toBe(401)
})
