import { randomBytes } from 'node:crypto'
import { SignJWT } from 'jose'
import { beforeAll, expect } from 'vitest'
import { createSecretBox } from '#lib/core/secret-box.ts'
import { createDb, type Db } from '#lib/db/client.ts'
import { makeAgent } from '#lib/dev/test/broker.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { askForToken, assertionForm, byAssertion, type ClientKey, clientKey, systemCtx } from '#lib/dev/test/tokens.ts'
import { createTokenIssuer, issueAgentCredential } from './agent-tokens.ts'

const now = new Date('2026-11-22T10:00:00Z')
const seconds = now.getTime() / 1000
const secretBox = createSecretBox(randomBytes(32).toString('base64'))
const issuer = createTokenIssuer({ url: 'http://localhost:3000', brokerUrl: 'http://localhost:7400', secretBox })

let key: ClientKey
beforeAll(async () => {
  key = await clientKey()
})

async function registered(db: Db): Promise<{ agentId: string; clientId: string }> {
  const { agentId } = await makeAgent(db)
  const { clientId, clientSecret } = await issueAgentCredential(systemCtx(db, now), {
    agentId,
    publicJwk: key.publicJwk,
  })
  expect(clientSecret).toBeNull()
  return { agentId, clientId }
}

const about = (clientId: string, claims = {}) => ({ clientId, audience: issuer.issuer, now, claims })

dbTest(
  'an assertion signed by the registered key works once, also for two at once at two portals',
  async ({ db, databaseUrl }) => {
    const { agentId, clientId } = await registered(db)
    await using other = Object.assign(createDb(databaseUrl, { poolSize: 2 }), {
      [Symbol.asyncDispose]: () => other.$disconnect(),
    })
    const form = await byAssertion(key, about(clientId))
    const portals = [db, other, db, other]
    const outcomes = await Promise.all(portals.map((portal) => askForToken(systemCtx(portal, now), issuer, { form })))
    expect(outcomes.filter((outcome) => outcome.ok)).toHaveLength(1)
    for (const outcome of outcomes) {
      if (!outcome.ok) expect(outcome.error).toMatchObject({ error: 'invalid_client', rule: 'assertion_replayed' })
    }
    const refused = { event: 'agent.token_refused', agentId, rule: 'assertion_replayed' }
    expect(await db.auditEvent.count({ where: refused })).toBe(3)
    const later = new Date(now.getTime() + 60_000)
    expect((await askForToken(systemCtx(db, later), issuer, { form })).ok).toBe(false)
  },
)

dbTest(
  'an assertion for another endpoint, too long, expired, without id or by another key is refused',
  async ({ db }) => {
    const { clientId } = await registered(db)
    const bad: Record<string, unknown>[] = [
      { aud: 'https://elsewhere.test' },
      { aud: [issuer.issuer, 'https://elsewhere.test'] },
      { exp: seconds + 3600 },
      { exp: seconds - 120 },
      { exp: undefined },
      { nbf: seconds + 600 },
      { iat: seconds + 600 },
      { jti: undefined },
      { jti: 'x'.repeat(300) },
      { iss: 'somebody' },
      { sub: 'somebody', iss: 'somebody' },
    ]
    for (const claims of bad) {
      const form = await byAssertion(key, about(clientId, claims))
      const outcome = await askForToken(systemCtx(db, now), issuer, { form })
      const rule = claims['sub'] ? 'client_unknown' : 'client_authentication_failed'
      expect({ claims, rule: outcome.ok ? 'accepted' : outcome.error.rule }).toEqual({ claims, rule })
    }
    const claims = { iss: clientId, sub: clientId, aud: issuer.issuer, exp: seconds + 60 }
    const forged = (await byAssertion(await clientKey(), about(clientId)))['client_assertion']!
    const confused = await new SignJWT({ ...claims, jti: 'y' })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(Buffer.from(JSON.stringify(key.publicJwk)))
    const own = await clientKey()
    const embedded = await new SignJWT({ ...claims, jti: 'z' })
      .setProtectedHeader({ alg: 'ES256', jwk: own.publicJwk })
      .sign(own.privateKey)
    for (const jwt of [forged, confused, embedded, 'not.a.jwt']) {
      expect((await askForToken(systemCtx(db, now), issuer, { form: assertionForm(jwt) })).ok).toBe(false)
    }
  },
)

dbTest('an id that no database stores as it is counts once, too', async ({ db }) => {
  const { clientId } = await registered(db)
  const ask = async () =>
    askForToken(systemCtx(db, now), issuer, { form: await byAssertion(key, about(clientId, { jti: 'a\0b\ud800' })) })
  expect((await ask()).ok).toBe(true)
  expect(await ask()).toMatchObject({ ok: false, error: { rule: 'assertion_replayed' } })
})
