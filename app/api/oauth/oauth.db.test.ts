import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
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
import { GET as authorize } from './authorize/route.ts'
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
  const code = await authorize(new NextRequest(`${portal}/api/oauth/authorize`), segments)
  expect([code.status, await code.json()]).toMatchObject([400, { error: 'unsupported_response_type' }])
})

test('the metadata names this issuer and its endpoints', async ({ portal: config }) => {
  const answer = await metadata(new NextRequest(`${portal}/.well-known/oauth-authorization-server`), segments)
  expect(await answer.json()).toMatchObject({
    issuer: config.url,
    token_endpoint: `${portal}/api/oauth/token`,
    jwks_uri: `${portal}/.well-known/jwks.json`,
    grant_types_supported: ['client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange'],
  })
})
