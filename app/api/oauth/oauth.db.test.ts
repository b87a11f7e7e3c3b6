import { createLocalJWKSet, exportJWK, generateKeyPair, type JSONWebKeySet, jwtVerify, SignJWT } from 'jose'
import { NextRequest } from 'next/server'
import { expect } from 'vitest'
import { GET as jwks } from '#app/.well-known/jwks.json/route.ts'
import { GET as metadata } from '#app/.well-known/oauth-authorization-server/route.ts'
import { issueAgentCredential } from '#lib/auth/commands/agent-tokens.ts'
import { systemActor } from '#lib/auth/ctx.ts'
import { parsePortalConfig } from '#lib/config/portal.ts'
import { makeAgent, encryptionKey } from '#lib/dev/test/broker.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { createKeyring } from '#lib/keys/commands.ts'
import { createLog } from '#lib/log/log.ts'
import { POST as revoke } from './revoke/route.ts'
import { POST as token } from './token/route.ts'

const portal = 'http://localhost:3000'
const segments = { params: Promise.resolve({}) }

/** The portal's resources on the test database, as its process would have made them. */
const test = dbTest.extend('portal', { scope: 'file' }, ({ db, databaseUrl }) => {
  const config = parsePortalConfig({
    DATABASE_URL: databaseUrl,
    WHEELHOUSE_URL: portal,
    WHEELHOUSE_AUTH_SECRET: encryptionKey,
    WHEELHOUSE_ENCRYPTION_KEY: encryptionKey,
    WHEELHOUSE_CLAUDE_KEY: encryptionKey,
    WHEELHOUSE_DEMO: 'true',
  })
  Object.assign(globalThis, {
    wheelhousePortal: {
      config,
      db,
      keyring: createKeyring(config.keys, db),
      log: createLog({ process: 'portal', level: 'silent' }),
    },
  })
  return config
})

function post(body: string): Promise<Response> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return token(new NextRequest(`${portal}/api/oauth/token`, { method: 'POST', headers, body }), segments)
}

test('a registered agent gets a token that the published keys verify', async ({ db, portal: config }) => {
  const { agentId } = await makeAgent(db)
  const ctx = { db, actor: systemActor('test'), now: new Date() }
  const { clientId, clientSecret } = await issueAgentCredential(ctx, { agentId })
  const answer = await post(`grant_type=client_credentials&client_id=${clientId}&client_secret=${clientSecret}`)
  expect(answer.status).toBe(200)
  const { access_token: accessToken } = (await answer.json()) as { access_token: string }
  const keys = await jwks(new NextRequest(`${portal}/.well-known/jwks.json`), segments)
  const { payload } = await jwtVerify(accessToken, createLocalJWKSet((await keys.json()) as JSONWebKeySet))
  expect(payload).toMatchObject({ iss: portal, aud: `${config.brokerUrl}/mcp`, sub: agentId, client_id: clientId })
})

test('errors are as RFC 6749 says, not as the rest of the API says them', async ({ portal: config }) => {
  expect(config.url).toBe(portal)
  const answer = await post('grant_type=client_credentials&client_id=agent-x&client_secret=x')
  expect(answer.status).toBe(401)
  expect(await answer.json()).toMatchObject({ error: 'invalid_client', rule: 'client_unknown' })
  const odd = await post('grant_type=client_credentials&client_id=a%00b&client_secret=x')
  expect([odd.status, await odd.json()]).toMatchObject([401, { rule: 'client_unknown' }])
})

test('the metadata names this issuer, its endpoints, and exactly what works', async ({ db, portal: config }) => {
  const answer = await metadata(new NextRequest(`${portal}/.well-known/oauth-authorization-server`), segments)
  const document = (await answer.json()) as Record<string, unknown>
  const methods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt']
  const algorithms = ['EdDSA', 'ES256', 'ES384', 'PS256', 'RS256']
  expect(document).toEqual({
    issuer: config.url,
    token_endpoint: `${portal}/api/oauth/token`,
    authorization_endpoint: `${portal}/oauth/authorize`,
    registration_endpoint: `${portal}/api/oauth/register`,
    client_id_metadata_document_supported: true,
    code_challenge_methods_supported: ['S256'],
    scopes_supported: ['agents:read', 'servers:read', 'fleet:read', 'runs:read'],
    jwks_uri: `${portal}/.well-known/jwks.json`,
    revocation_endpoint: `${portal}/api/oauth/revoke`,
    grant_types_supported: [
      'authorization_code',
      'refresh_token',
      'client_credentials',
      'urn:ietf:params:oauth:grant-type:token-exchange',
    ],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    authorization_response_iss_parameter_supported: true,
    token_endpoint_auth_methods_supported: [...methods, 'none'],
    token_endpoint_auth_signing_alg_values_supported: algorithms,
    revocation_endpoint_auth_methods_supported: [...methods, 'none'],
    revocation_endpoint_auth_signing_alg_values_supported: algorithms,
    dpop_signing_alg_values_supported: algorithms,
    protected_resources: [`${config.brokerUrl}/mcp`, `${config.brokerUrl}/mcp/registry`],
  })
  const grants = document['grant_types_supported'] as string[]
  const errors = await Promise.all(
    [...grants, 'urn:ietf:params:oauth:grant-type:jwt-bearer', 'password'].map(async (grant) => {
      const rest = 'client_id=a&client_secret=b&assertion=c'
      const refused = await post(`grant_type=${encodeURIComponent(grant)}&${rest}`)
      return ((await refused.json()) as { error: string }).error
    }),
  )
  expect(errors.slice(0, 4)).not.toContain('unsupported_grant_type')
  expect(errors.slice(4)).toEqual(['unsupported_grant_type', 'unsupported_grant_type'])
  // Each algorithm of client assertions is one that a key can be registered for.
  const { agentId } = await makeAgent(db)
  const ctx = { db, actor: systemActor('test'), now: new Date() }
  for (const algorithm of algorithms) {
    const { privateKey, publicKey } = await generateKeyPair(algorithm)
    const { clientId } = await issueAgentCredential(ctx, { agentId, publicJwk: await exportJWK(publicKey) })
    const assertion = await new SignJWT({ jti: algorithm })
      .setProtectedHeader({ alg: algorithm })
      .setIssuer(clientId)
      .setSubject(clientId)
      .setAudience(portal)
      .setExpirationTime('1m')
      .sign(privateKey)
    const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
    const form = { grant_type: 'client_credentials', client_assertion: assertion, client_assertion_type: type }
    expect([algorithm, (await post(new URLSearchParams(form).toString())).status]).toEqual([algorithm, 200])
  }
})

test('a token is revoked at its endpoint', async ({ db, portal: config }) => {
  const { agentId } = await makeAgent(db)
  const ctx = { db, actor: systemActor('test'), now: new Date() }
  const { clientId, clientSecret } = await issueAgentCredential(ctx, { agentId })
  const client = `client_id=${clientId}&client_secret=${clientSecret}`
  const issued = await post(`grant_type=client_credentials&${client}`)
  const { access_token: accessToken } = (await issued.json()) as { access_token: string }
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const body = `token=${accessToken}&${client}`
  const url = `${config.url}/api/oauth/revoke`
  const answer = await revoke(new NextRequest(url, { method: 'POST', headers, body }), segments)
  expect(answer.status).toBe(200)
  expect(await db.revokedToken.count({ where: { clientId } })).toBe(1)
})
