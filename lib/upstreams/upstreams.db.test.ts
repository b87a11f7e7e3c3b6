import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import { afterEach, describe, expect } from 'vitest'
import { type Ctx, systemActor } from '#lib/auth/ctx.ts'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import { createSecretBox } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { createLocks } from '#lib/db/locks.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { auditOf, ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { type ProtectedServer, startProtectedServer } from '#lib/dev/test/protected-server.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { createLog } from '#lib/log/log.ts'
import { putCredential, requestServerProbe, runServerProbe } from '#lib/registry/commands.ts'
import { getServer, getServerProbe } from '#lib/registry/queries.ts'
import {
  beginAuthorization,
  clientCredentialsToken,
  completeAuthorization,
  namedIssuer,
  personToken,
  provenClientToken,
} from './commands.ts'
import { type AuthorizationAnswer, beginAuthorizationInput } from './schema.ts'
import type { SealedTokens } from './tokens.ts'

const secretBox = createSecretBox(randomBytes(32).toString('base64'))
const portal = { redirectUrl: 'http://localhost:3999/api/oauth/callback', clientMetadataUrl: null }
const running: ProtectedServer[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()))
})

async function started(options: Parameters<typeof startProtectedServer>[0] = {}): Promise<ProtectedServer> {
  const server = await startProtectedServer(options)
  running.push(server)
  return server
}

/** A person who authorizes the server on its page, up to where they come back. */
async function goAndReturn(ctx: Ctx, upstream: ProtectedServer, options: { serverId: string; sessionId: string }) {
  const { serverId, sessionId } = options
  const parts = { secretBox, portal, sessionId }
  const input = beginAuthorizationInput.parse({ serverId, reason: 'To read.' })
  const { authorizationUrl } = await beginAuthorization(ctx, { input, ...parts })
  const answer = Object.fromEntries((await upstream.authorize(authorizationUrl)).searchParams) as AuthorizationAnswer
  return { authorizationUrl: new URL(authorizationUrl), answer, parts }
}

async function authorized(db: Db, upstream: ProtectedServer) {
  const serverId = await makeServer(db, { url: upstream.url })
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const { answer, parts } = await goAndReturn(ctx, upstream, { serverId, sessionId: 'session' })
  await completeAuthorization(ctx, { answer, ...parts })
  const { id: credentialId } = await db.upstreamCredential.findFirstOrThrow({ where: { serverId } })
  return { ctx, serverId, credentialId }
}

async function sealedTokens(db: Db, credentialId: string): Promise<SealedTokens> {
  const { tokens } = await db.upstreamCredential.findUniqueOrThrow({ where: { id: credentialId } })
  return JSON.parse(await secretBox.open(tokens!, sealContexts.upstreamTokens(credentialId))) as SealedTokens
}

describe('a person authorizes', () => {
  dbTest('with PKCE, for this server only, and the tokens go sealed into the registry', async ({ db }) => {
    const upstream = await started()
    const serverId = await makeServer(db, { url: upstream.url })
    const ctx = ctxFor(db, await makePerson(db, { roles: ['security'], name: 'Sam' }))
    const { authorizationUrl, answer, parts } = await goAndReturn(ctx, upstream, { serverId, sessionId: 'session' })
    const asked = Object.fromEntries(authorizationUrl.searchParams)
    expect(asked).toMatchObject({
      code_challenge_method: 'S256',
      resource: upstream.url,
      redirect_uri: portal.redirectUrl,
    })
    expect(asked['scope']).toContain('mcp:call')
    expect(answer.iss).toBe(upstream.issuer)
    expect(await completeAuthorization(ctx, { answer, ...parts })).toEqual({ serverId, teamId: null })
    const { credentials } = await getServer(ctx, serverId)
    expect(credentials).toMatchObject([
      { kind: 'oauth_person', setBy: 'Sam', reason: 'To read.', settings: { issuer: upstream.issuer } },
    ])
    const { id } = await db.upstreamCredential.findFirstOrThrow({ where: { serverId } })
    const { accessToken, refreshToken } = await sealedTokens(db, id)
    expect(refreshToken).not.toBeNull()
    const everything = JSON.stringify([credentials, await auditOf(db, serverId)])
    for (const secret of [accessToken, refreshToken!, answer.code!]) expect(everything).not.toContain(secret)
    expect((await auditOf(db, serverId)).map(({ event }) => event)).toEqual([
      'server.authorization_begun',
      'server.credential_set',
    ])
    expect(await db.upstreamAuthorization.count()).toBe(0)
  })

  dbTest('the answer counts once, for the person who began, in the session they began in, in time', async ({ db }) => {
    const upstream = await started()
    const serverId = await makeServer(db, { url: upstream.url })
    const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
    const other = ctxFor(db, await makePerson(db, { roles: ['security'] }))
    const { answer, parts } = await goAndReturn(ctx, upstream, { serverId, sessionId: 'one' })
    const refusal = { code: 'forbidden', details: { rule: 'upstream:state' } }
    await expect(completeAuthorization(other, { answer, ...parts })).rejects.toMatchObject(refusal)
    await expect(completeAuthorization(ctx, { answer, ...parts, sessionId: 'two' })).rejects.toMatchObject(refusal)
    const late = { ...ctx, now: new Date(ctx.now.getTime() + 11 * 60_000) }
    await expect(completeAuthorization(late, { answer, ...parts })).rejects.toMatchObject(refusal)
    const outcomes = await Promise.allSettled([1, 2].map(() => completeAuthorization(ctx, { answer, ...parts })))
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    const builder = ctxFor(db, await makePerson(db, { roles: ['builder'] }))
    const forbidden = { code: 'forbidden', details: { permission: 'servers:manage' } }
    await expect(completeAuthorization(builder, { answer, ...parts })).rejects.toMatchObject(forbidden)
    const input = beginAuthorizationInput.parse({ serverId })
    await expect(beginAuthorization(builder, { input, ...parts })).rejects.toMatchObject(forbidden)
  })

  dbTest.for([
    ['of another issuer (RFC 9207)', { iss: 'http://localhost:1' }, /another issuer/],
    ['without the issuer it announces', { iss: undefined }, /another issuer/],
    ['with a code that is not its own', { code: 'made-up' }, /invalid_grant/],
    ['that says no', { code: undefined, error: 'access_denied' }, /access_denied/],
  ] as const)('an answer %s is refused and recorded', async ([, change, message], { db }) => {
    const upstream = await started()
    const serverId = await makeServer(db, { url: upstream.url })
    const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
    const { answer, parts } = await goAndReturn(ctx, upstream, { serverId, sessionId: randomUUID() })
    const changed = { ...answer, ...change } as AuthorizationAnswer
    await expect(completeAuthorization(ctx, { answer: changed, ...parts })).rejects.toThrow(message)
    expect(await db.upstreamCredential.count({ where: { serverId } })).toBe(0)
    expect((await auditOf(db, serverId)).at(-1)).toMatchObject({ event: 'server.authorization_failed' })
  })
})

dbTest('the secret of a client goes to the authorization server that the person named, or nowhere', async ({ db }) => {
  const upstream = await started()
  const serverId = await makeServer(db, { url: upstream.url })
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const client = { serverId, clientId: 'given', clientSecret: 'canary-secret' }
  expect(beginAuthorizationInput.safeParse(client).error?.issues).toMatchObject([{ path: ['issuer'] }])
  const begin = (issuer: string) => {
    const input = beginAuthorizationInput.parse({ ...client, issuer })
    return beginAuthorization(ctx, { input, secretBox, portal, sessionId: 'session' })
  }
  await expect(begin('http://localhost:1')).rejects.toThrow(/another authorization server/)
  expect(await db.upstreamAuthorization.count()).toBe(0)
  expect((await begin(`${upstream.issuer}/`)).authorizationUrl).toContain('client_id=given')
})

dbTest('a probe says which authorization server a server names, and sends it nothing', async ({ db }) => {
  const upstream = await started()
  const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  const asking = { clientToken: provenClientToken, namedIssuer }
  const worker = { ...ctx, actor: systemActor('worker') }
  const named = async () => {
    const { probeId } = await requestServerProbe(ctx, { input: { url: upstream.url }, secretBox })
    await runServerProbe(worker, { probeId, secretBox, allowLinkLocal: false, programs: null, ...asking })
    return (await getServerProbe(ctx, probeId)).report?.authorizationServer
  }
  expect(await named()).toBe(upstream.issuer)
  expect([upstream.granted, upstream.refused]).toEqual([[], []])
  upstream.names = 'http://localhost:1'
  expect(await named()).toBeUndefined()
})

describe('refreshing', () => {
  const log = createLog({ process: 'test', level: 'silent' })

  dbTest(
    'of many at once over two processes, one refreshes, so the family of tokens lives on',
    async ({ db, databaseUrl }) => {
      const upstream = await started()
      upstream.accessTokenSeconds = 5
      const { credentialId } = await authorized(db, upstream)
      const first = await sealedTokens(db, credentialId)
      upstream.accessTokenSeconds = 3600
      const brokers = [1, 2].map(() => createLocks({ databaseUrl, poolSize: 2, waitMs: 30_000, log }))
      try {
        const ask = (at: number, refused: string | null) =>
          personToken(ctxFor(db), { secretBox, exclusively: brokers[at % 2]!.exclusively }, { credentialId, refused })
        const tokens = await Promise.all(Array.from({ length: 8 }, (_, at) => ask(at, null)))
        expect(new Set(tokens.map(({ accessToken }) => accessToken)).size).toBe(1)
        expect(upstream.granted).toEqual(['authorization_code', 'refresh_token'])
        const second = await sealedTokens(db, credentialId)
        expect(second.refreshToken).not.toBe(first.refreshToken)
        // The server refuses the token although it has not ended: again one of all who notice asks for another.
        await upstream.revoke(tokens[0]!.accessToken)
        const next = await Promise.all(Array.from({ length: 8 }, (_, at) => ask(at, tokens[0]!.accessToken)))
        expect(new Set(next.map(({ accessToken }) => accessToken)).size).toBe(1)
        expect(upstream.granted).toEqual(['authorization_code', 'refresh_token', 'refresh_token'])
        expect(upstream.refused).toEqual([])
      } finally {
        await Promise.all(brokers.map((broker) => broker.stop()))
      }
    },
  )

  dbTest(
    'a refresh token that was used before ends the family, and then a person is needed',
    async ({ db, databaseUrl }) => {
      const upstream = await started()
      upstream.accessTokenSeconds = 5
      const { credentialId, serverId } = await authorized(db, upstream)
      const { tokens: spent } = await db.upstreamCredential.findUniqueOrThrow({ where: { id: credentialId } })
      const locks = createLocks({ databaseUrl, poolSize: 1, waitMs: 30_000, log })
      const parts = { secretBox, exclusively: locks.exclusively }
      const ask = () => personToken(ctxFor(db), parts, { credentialId, refused: null })
      try {
        await ask()
        await db.upstreamCredential.update({ where: { id: credentialId }, data: { tokens: spent } })
        await expect(ask()).rejects.toMatchObject({ details: { oauthError: 'invalid_grant' } })
        await expect(ask()).rejects.toThrow(/invalid_grant/)
        const ctx = ctxFor(db, await makePerson(db, { roles: ['security'] }))
        const again = await goAndReturn(ctx, upstream, { serverId, sessionId: 'again' })
        await completeAuthorization(ctx, { answer: again.answer, ...again.parts })
        expect((await db.upstreamCredential.findFirstOrThrow({ where: { serverId } })).id).toBe(credentialId)
        upstream.accessTokenSeconds = 3600
        expect((await ask()).accessToken).toMatch(/\S/)
      } finally {
        await locks.stop()
      }
    },
  )

  dbTest('tokens of a credential that is replaced meanwhile do not come back', async ({ db, databaseUrl }) => {
    const upstream = await started()
    upstream.accessTokenSeconds = 5
    const { ctx, credentialId, serverId } = await authorized(db, upstream)
    const locks = createLocks({ databaseUrl, poolSize: 1, waitMs: 30_000, log })
    const slow = {
      ...secretBox,
      // Between the answer of the authorization server and the storing of it.
      async sealer() {
        const seal = await secretBox.sealer()
        const ciphertext = await secretBox.seal('another', sealContexts.upstreamCredential(serverId))
        await db.$transaction(async () => {})
        await replace(ctx, { serverId, ciphertext })
        return seal
      },
    }
    try {
      const parts = { secretBox: slow, exclusively: locks.exclusively }
      const asked = personToken(ctxFor(db), parts, { credentialId, refused: null })
      await expect(asked).rejects.toMatchObject({ code: 'not_found' })
      expect((await db.upstreamCredential.findFirstOrThrow({ where: { serverId } })).tokens).toBeNull()
    } finally {
      await locks.stop()
    }
  })

  async function replace(
    ctx: Ctx,
    { serverId, ciphertext }: { serverId: string; ciphertext: Uint8Array<ArrayBuffer> },
  ) {
    const sealed = { kind: 'bearer', headerName: null, ciphertext, settings: {}, expiresAt: null, reason: null }
    const { inTx } = await import('#lib/auth/ctx.ts')
    const later = { ...ctx, now: new Date(ctx.now.getTime() + 1) }
    await inTx(later, (tx, ctx) => putCredential({ ...ctx, tx }, { place: { serverId, teamId: null }, sealed }))
  }
})

describe('client credentials', () => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...key.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' }
  const client = (client_id: string, more: object) => ({
    client_id,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    ...more,
  })
  const clientSecret = 'a-secret-that-is-long-enough: with & odd % signs'
  const clients = [
    client('basic', { client_secret: clientSecret, token_endpoint_auth_method: 'client_secret_basic' }),
    client('post', { client_secret: clientSecret, token_endpoint_auth_method: 'client_secret_post' }),
    client('jwt', { jwks: { keys: [jwk] }, token_endpoint_auth_method: 'private_key_jwt' }),
  ]
  const privateKey = String(key.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const ways = {
    basic: { method: 'client_secret_basic', secret: { clientSecret } },
    post: { method: 'client_secret_post', secret: { clientSecret } },
    jwt: { method: 'private_key_jwt', secret: { privateKey, algorithm: 'ES256' } },
  }

  dbTest.for(Object.entries(ways))('by %s', async ([clientId, { method, secret }]) => {
    const upstream = await started({ clients })
    const ask = (options: object = {}) =>
      clientCredentialsToken({
        serverUrl: upstream.url,
        settings: { clientId, method, issuer: upstream.issuer },
        secret: JSON.stringify(secret),
        challenge: null,
        heldScope: null,
        ...options,
      })
    const token = await ask()
    expect(token).toMatchObject({ scope: 'mcp:call', expiresAt: expect.any(Number) })
    // A step-up: what the challenge asks for besides what is held.
    const challenge = { status: 403, wwwAuthenticate: 'Bearer error="insufficient_scope", scope="mcp:write"' }
    const wider = await ask({ challenge, heldScope: token.scope })
    expect(wider.scope?.split(' ').toSorted()).toEqual(['mcp:call', 'mcp:write'])
    // Known to one authorization server only: no other gets to see its secret.
    const elsewhere = { clientId, method, issuer: 'http://localhost:1' }
    await expect(ask({ settings: elsewhere })).rejects.toThrow(/another authorization server/)
    const asked = upstream.granted.length + upstream.refused.length
    await expect(ask({ settings: { clientId, method } })).rejects.toThrow(/does not say which authorization server/)
    expect(upstream.granted.length + upstream.refused.length).toBe(asked)
    await expect(
      ask({
        secret: JSON.stringify({ clientSecret: 'wrong' }),
        settings: { clientId: 'basic', method: 'client_secret_basic', issuer: upstream.issuer },
      }),
    ).rejects.toThrow(/invalid_client/)
  })
})
