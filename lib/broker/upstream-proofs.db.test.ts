import { afterEach, describe, expect } from 'vitest'
import { sealContexts } from '#lib/core/seal-contexts.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import type { UpstreamToken } from '#lib/upstreams/commands.ts'
import {
  authorized,
  broker,
  call,
  protectedServer,
  registered,
  secretBox,
  set,
  stateOf,
  stopAll,
} from './testing/credential-world.ts'

afterEach(stopAll)

async function sealedTokens(db: Db, serverId: string): Promise<UpstreamToken> {
  const { id, tokens } = await stateOf(db, serverId)
  return JSON.parse(await secretBox.open(tokens!, sealContexts.upstreamTokens(id))) as UpstreamToken
}

describe.each(['any', 'nonce'] as const)('a server that wants proof of possession (%s)', (proof) => {
  dbTest('is shown a fresh proof with each request, of a token that a person got', async ({ db, databaseUrl }) => {
    const upstream = await protectedServer({ proof })
    const { serverId, agent } = await authorized(db, upstream)
    const at = await broker(db, databaseUrl)
    for (let times = 0; times < 3; times += 1) {
      expect((await call(db, at, { serverId, agent })).status).toBe(200)
    }
    expect(upstream.proofs.length).toBeGreaterThanOrEqual(3)
    expect(new Set(upstream.proofs).size).toBe(upstream.proofs.length)
    expect(upstream.granted).toEqual(['authorization_code'])
    const { dpopKey } = await sealedTokens(db, serverId)
    expect(dpopKey).toMatchObject({ kty: 'EC', crv: 'P-256' })
  })

  dbTest('refreshes with the same key', async ({ db, databaseUrl }) => {
    const upstream = await protectedServer({ proof })
    upstream.accessTokenSeconds = 5
    const { serverId, agent } = await authorized(db, upstream)
    const before = await sealedTokens(db, serverId)
    upstream.accessTokenSeconds = 3600
    const at = await broker(db, databaseUrl)
    expect((await call(db, at, { serverId, agent })).status).toBe(200)
    expect(upstream.granted).toEqual(['authorization_code', 'refresh_token'])
    const after = await sealedTokens(db, serverId)
    expect(after.accessToken).not.toBe(before.accessToken)
    expect(after.dpopKey).toEqual(before.dpopKey)
  })

  dbTest('takes a client of its own, which binds its tokens as soon as it is asked to', async ({ db, databaseUrl }) => {
    const client = {
      client_id: 'wheelhouse',
      client_secret: 'a-client-secret-that-is-long-enough',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    } as const
    const upstream = await protectedServer({ proof, clients: [client] })
    const { serverId, agent } = await registered(db, upstream.url)
    const { client_id: clientId, client_secret: clientSecret } = client
    const { issuer } = upstream
    const own = { clientId, clientSecret, issuer, method: 'client_secret_basic' as const }
    await set(db, { serverId, kind: 'oauth_client', ...own })
    const at = await broker(db, databaseUrl)
    expect((await call(db, at, { serverId, agent })).status).toBe(200)
    expect((await call(db, at, { serverId, agent })).text).not.toContain('isError')
    expect(upstream.proofs.length).toBeGreaterThanOrEqual(2)
  })
})

dbTest(
  'a server that asks for none gets a bearer token, though its authorization server could bind it',
  async ({ db, databaseUrl }) => {
    const upstream = await protectedServer()
    const { serverId, agent } = await authorized(db, upstream)
    const at = await broker(db, databaseUrl)
    expect((await call(db, at, { serverId, agent })).status).toBe(200)
    expect(upstream.tokens.length).toBeGreaterThan(0)
    expect(await sealedTokens(db, serverId)).not.toHaveProperty('dpopKey')
  },
)
