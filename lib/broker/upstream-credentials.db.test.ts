import { createServer as createTlsServer } from 'node:https'
import { once } from 'node:events'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { afterEach, describe, expect } from 'vitest'
import { z } from 'zod'
import { systemActor } from '#lib/auth/ctx.ts'
import { createSecretBox } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, listening, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { postCall, until } from '#lib/dev/test/broker-world.ts'
import { testAuthority } from '#lib/dev/test/certificates.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { type ProtectedServer, startProtectedServer } from '#lib/dev/test/protected-server.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { createKeyring, rewrapSealed, rotateKeys } from '#lib/keys/commands.ts'
import { setServerCredential } from '#lib/registry/commands.ts'
import type { SetServerCredentialInput } from '#lib/registry/schema.ts'
import { beginAuthorization, completeAuthorization } from '#lib/upstreams/commands.ts'
import { type AuthorizationAnswer, beginAuthorizationInput } from '#lib/upstreams/schema.ts'
import { startBroker, type TestBroker } from './testing/start-broker.ts'

const secretBox = createSecretBox(encryptionKey)
const portal = { redirectUrl: 'http://localhost:3999/api/oauth/callback', clientMetadataUrl: null }
const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop()
})

async function broker(db: Db, databaseUrl: string, key = encryptionKey): Promise<TestBroker> {
  const started = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey: key })
  stops.push(() => started.stop())
  return started
}

async function protectedServer(options: Parameters<typeof startProtectedServer>[0] = {}): Promise<ProtectedServer> {
  const server = await startProtectedServer(options)
  stops.push(() => server.stop())
  return server
}

/** A server whose tools are approved when they are found, and an agent that may call them. */
async function registered(db: Db, url: string) {
  const serverId = await makeServer(db, { url, tools: {}, demo: true })
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId })
  return { serverId, agent }
}

async function set(db: Db, input: SetServerCredentialInput): Promise<void> {
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  await setServerCredential(ctx, { input, secretBox })
}

async function call(
  db: Db,
  at: TestBroker,
  options: { serverId: string; agent: Awaited<ReturnType<typeof makeAgent>> },
) {
  const { serverId } = options
  await at.broker.keeper.refresh()
  await until(async () => (await db.mcpTool.count({ where: { serverId } })) > 0)
  const token = await sessionToken(db, at.url, options.agent)
  await at.broker.keeper.refresh()
  const answer = await postCall({ broker: at }, { token, tool: 'echo', serverId: options.serverId })
  return {
    ...answer,
    rule: (answer.json.result?.['_meta'] as Record<string, { rule?: string }> | undefined)?.['wheelhouse/denial']?.rule,
  }
}

async function stateOf(db: Db, serverId: string) {
  return db.upstreamCredential.findFirstOrThrow({ where: { serverId } })
}

describe('a client certificate', () => {
  dbTest(
    'is shown to a server that requires one, over TLS that its own authority signed',
    async ({ db, databaseUrl }) => {
      const authority = await testAuthority()
      const own = await authority.issue('CN=localhost')
      const clients: string[] = []
      const handle = toNodeHandler(createMcpHandler(() => echo(() => 'over tls')))
      const tls = {
        cert: own.certificate,
        key: own.privateKey,
        ca: authority.ca,
        requestCert: true,
        rejectUnauthorized: true,
      }
      const server = createTlsServer(tls, (request, response) => {
        const socket = request.socket as unknown as { getPeerCertificate(): { subject?: { CN?: string } } }
        clients.push(socket.getPeerCertificate().subject?.CN ?? 'nobody')
        void handle(request, response)
      })
      const url = `${(await listening(server as never)).replace('http:', 'https:')}/mcp`
      stops.push(async () => {
        const closed = once(server, 'close')
        server.close()
        server.closeAllConnections()
        await closed
      })
      const { serverId, agent } = await registered(db, url)
      const at = await broker(db, databaseUrl)
      const { certificate, privateKey } = await authority.issue('CN=wheelhouse')
      await set(db, { serverId, kind: 'mtls', certificate, privateKey, ca: authority.ca })
      expect((await call(db, at, { serverId, agent })).text).toContain('over tls')
      expect(new Set(clients)).toEqual(new Set(['wheelhouse']))
      const stranger = await (await testAuthority()).issue('CN=wheelhouse')
      await set(db, { serverId, kind: 'mtls', ...stranger, ca: authority.ca })
      expect((await call(db, at, { serverId, agent })).rule).toBe('upstream_unavailable')
      await db.upstreamCredential.deleteMany({ where: { serverId } })
      expect((await call(db, at, { serverId, agent })).rule).toBe('upstream_unavailable')
      expect(new Set(clients)).toEqual(new Set(['wheelhouse']))
    },
  )
})

describe('an OAuth client', () => {
  const client = {
    client_id: 'wheelhouse',
    client_secret: 'a-client-secret-that-is-long-enough',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
  } as const
  const credential = (serverId: string): SetServerCredentialInput => ({
    serverId,
    kind: 'oauth_client',
    clientId: client.client_id,
    method: 'client_secret_basic',
    clientSecret: client.client_secret,
  })
  const clients = [{ ...client, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }]

  dbTest(
    'gets one token for many calls, another when it is refused, and wider scopes when it is asked for them',
    async ({ db, databaseUrl }) => {
      const upstream = await protectedServer({ clients })
      const { serverId, agent } = await registered(db, upstream.url)
      await set(db, credential(serverId))
      const at = await broker(db, databaseUrl)
      const answers = await Promise.all([1, 2, 3, 4].map(() => call(db, at, { serverId, agent })))
      expect(answers.map(({ status, rule }) => [status, rule])).toEqual(Array(4).fill([200, undefined]))
      expect(upstream.granted).toEqual(['client_credentials'])
      upstream.needs.add('mcp:write')
      const wider = await Promise.all([1, 2, 3].map(() => call(db, at, { serverId, agent })))
      expect(wider.map(({ rule }) => rule)).toEqual([undefined, undefined, undefined])
      expect(upstream.granted).toHaveLength(2)
      // A scope it cannot get: it is not asked for without end.
      upstream.needs.add('mcp:never')
      const before = upstream.granted.length + upstream.refused.length
      expect((await call(db, at, { serverId, agent })).rule).toMatch(/credential_refused|upstream_unavailable/)
      expect(upstream.granted.length + upstream.refused.length - before).toBeLessThanOrEqual(4)
      upstream.needs.delete('mcp:never')
      expect((await call(db, at, { serverId, agent })).rule).toBeUndefined()
      await until(async () => (await stateOf(db, serverId)).lastUsedAt !== null)
    },
  )

  dbTest('that is refused says so with its rule, and the page says why', async ({ db, databaseUrl }) => {
    const upstream = await protectedServer({ clients })
    const { serverId, agent } = await registered(db, upstream.url)
    await set(db, credential(serverId))
    const at = await broker(db, databaseUrl)
    expect((await call(db, at, { serverId, agent })).rule).toBeUndefined()
    await set(db, { ...credential(serverId), clientSecret: 'wrong-canary-secret' } as SetServerCredentialInput)
    for (let round = 0; round < 7; round += 1)
      expect((await call(db, at, { serverId, agent })).rule).toBe('credential_refused')
    await until(async () => (await stateOf(db, serverId)).lastError !== null)
    expect((await stateOf(db, serverId)).lastError).toBe('The authorization server answered invalid_client.')
    await set(db, credential(serverId))
    expect((await call(db, at, { serverId, agent })).rule).toBeUndefined()
  })
})

async function authorized(db: Db, upstream: ProtectedServer) {
  const { serverId, agent } = await registered(db, upstream.url)
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const again = async () => {
    const parts = { secretBox, portal, sessionId: 'session' }
    const input = beginAuthorizationInput.parse({ serverId })
    const { authorizationUrl } = await beginAuthorization(ctx, { input, ...parts })
    const answer = Object.fromEntries((await upstream.authorize(authorizationUrl)).searchParams) as AuthorizationAnswer
    await completeAuthorization(ctx, { answer, ...parts })
  }
  await again()
  return { serverId, agent, again }
}

describe('tokens that a person authorized', () => {
  dbTest('are refreshed by one of two brokers at once, and both go on', async ({ db, databaseUrl }) => {
    const upstream = await protectedServer()
    upstream.accessTokenSeconds = 5
    const { serverId, agent } = await authorized(db, upstream)
    upstream.accessTokenSeconds = 3600
    const brokers = await Promise.all([broker(db, databaseUrl), broker(db, databaseUrl)])
    const both = () => Promise.all([0, 1, 0, 1].map((at) => call(db, brokers[at]!, { serverId, agent })))
    expect((await both()).map(({ rule }) => rule)).toEqual(Array(4).fill(undefined))
    expect(upstream.granted).toEqual(['authorization_code', 'refresh_token'])
    await upstream.revoke(upstream.tokens.at(-1)!)
    expect((await both()).map(({ rule }) => rule)).toEqual(Array(4).fill(undefined))
    expect(upstream.granted).toEqual(['authorization_code', 'refresh_token', 'refresh_token'])
    expect(upstream.refused).toEqual([])
  })

  dbTest(
    'never widen by themselves: a person is told which scopes are wanted, and grants them',
    async ({ db, databaseUrl }) => {
      const upstream = await protectedServer()
      const { serverId, agent, again } = await authorized(db, upstream)
      const at = await broker(db, databaseUrl)
      expect((await call(db, at, { serverId, agent })).rule).toBeUndefined()
      upstream.needs.add('mcp:write')
      expect((await call(db, at, { serverId, agent })).rule).toBe('credential_scope')
      await until(async () => (await stateOf(db, serverId)).wantedScope !== null)
      await again()
      expect((await call(db, at, { serverId, agent })).rule).toBeUndefined()
    },
  )
})

describe('a team’s credential', () => {
  dbTest(
    'goes before the server’s for its agents; who has neither is refused, and nothing is sent',
    async ({ db, databaseUrl }) => {
      const seen: string[] = []
      const handle = toNodeHandler(createMcpHandler(() => echo(() => 'here')))
      const { createServer } = await import('node:http')
      const http = createServer((request, response) => {
        seen.push(request.headers.authorization ?? 'none')
        void handle(request, response)
      })
      const url = `${await listening(http)}/mcp`
      stops.push(async () => {
        http.closeAllConnections()
        await new Promise((resolve) => http.close(resolve))
      })
      const { serverId, agent: one } = await registered(db, url)
      const two = await makeAgent(db)
      await makeGrant(db, { agentId: two.agentId, serverId })
      await set(db, { serverId, teamId: one.teamId, kind: 'bearer', secret: 'of-team-one' })
      const at = await broker(db, databaseUrl)
      const shown = async (agent: typeof one) => {
        seen.length = 0
        const { rule } = await call(db, at, { serverId, agent })
        return rule ?? seen.at(-1)
      }
      expect(await shown(one)).toBe('Bearer of-team-one')
      expect(await shown(two)).toBe('credential_missing')
      expect(seen).toEqual([])
      await set(db, { serverId, kind: 'basic', secret: 'ada:of-the-server' })
      expect(await shown(two)).toBe(`Basic ${Buffer.from('ada:of-the-server').toString('base64')}`)
      expect(await shown(one)).toBe('Bearer of-team-one')
    },
  )

  dbTest('a server that asks for one and has none is refused with the rule', async ({ db, databaseUrl }) => {
    const upstream = await protectedServer()
    const { serverId, agent } = await authorized(db, upstream)
    const at = await broker(db, databaseUrl)
    expect((await call(db, at, { serverId, agent })).rule).toBeUndefined()
    await db.upstreamCredential.deleteMany({ where: { serverId } })
    for (let round = 0; round < 7; round += 1)
      expect((await call(db, at, { serverId, agent })).rule).toBe('credential_missing')
  })
})

describe('a rotation of the key-encryption key', () => {
  const next = Buffer.alloc(32, 9).toString('base64')
  const both = `${next},${encryptionKey}`
  dbTest('during calls fails none of them', async ({ db, databaseUrl }) => {
    const seen = new Set<string>()
    const { createServer } = await import('node:http')
    const handle = toNodeHandler(createMcpHandler(() => echo(() => 'here')))
    const http = createServer((request, response) => {
      seen.add(request.headers.authorization ?? 'none')
      void handle(request, response)
    })
    const url = `${await listening(http)}/mcp`
    stops.push(async () => {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    })
    const { serverId, agent } = await registered(db, url)
    await set(db, { serverId, kind: 'bearer', secret: 'kept-through-rotation' })
    const keys = both.split(',').map((key) => ({ driver: 'environment' as const, key }))
    const at = await broker(db, databaseUrl, both)
    await call(db, at, { serverId, agent })
    const token = await sessionToken(db, at.url, agent)
    await at.broker.keeper.refresh()
    const rules: (string | undefined)[] = []
    let rotating = true
    const callers = Array.from({ length: 4 }, async () => {
      while (rotating) {
        const answer = await postCall({ broker: at }, { token, tool: 'echo', serverId })
        rules.push(answer.text.includes('here') ? undefined : answer.text)
      }
    })
    const keyring = createKeyring(keys, db)
    const admin = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
    expect(await rotateKeys(admin, { input: { reason: 'during calls' }, keyring })).toMatchObject({ ok: true })
    const system = { db, actor: systemActor('worker'), now: new Date() }
    expect((await rewrapSealed(system, { keyring })).rewrapped).toBeGreaterThan(0)
    await at.broker.keeper.refresh()
    await set2(db, { serverId, keyring })
    await at.broker.keeper.refresh()
    const sofar = rules.length
    await until(() => rules.length > sofar + 20)
    rotating = false
    await Promise.all(callers)
    expect(rules.filter((rule) => rule !== undefined)).toEqual([])
    expect([...seen]).toEqual(['Bearer kept-through-rotation', 'Bearer set-after-rotation'])
    await db.keyEncryptionKey.deleteMany()
  })

  async function set2(db: Db, { serverId, keyring }: { serverId: string; keyring: ReturnType<typeof createKeyring> }) {
    const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
    await setServerCredential(ctx, {
      input: { serverId, kind: 'bearer', secret: 'set-after-rotation' },
      secretBox: keyring,
    })
  }
})

function echo(answer: () => string): McpServer {
  const server = new McpServer({ name: 'test', version: '1' })
  server.registerTool(
    'echo',
    { description: 'says it', inputSchema: z.object({}), annotations: { readOnlyHint: true } },
    () => ({ content: [{ type: 'text' as const, text: answer() }] }),
  )
  return server
}
