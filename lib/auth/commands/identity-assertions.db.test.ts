import { randomBytes } from 'node:crypto'
import { decodeJwt, generateKeyPair, SignJWT } from 'jose'
import { expect } from 'vitest'
import { createSecretBox } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { makeAgent } from '#lib/dev/test/broker.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeServer } from '#lib/dev/test/registry.ts'
import { askForToken, clientKey, dpopProof, systemCtx } from '#lib/dev/test/tokens.ts'
import { idJagClaims, startIssuer, type TestIssuer } from '#lib/dev/test/trusted-issuer.ts'
import { authorizationServerMetadata } from './agent-token-endpoint.ts'
import { createTokenIssuer, issueAgentCredential, type TokenIssuer } from './agent-tokens.ts'

const now = new Date('2026-11-22T10:00:00Z')
const seconds = now.getTime() / 1000
const settings = {
  url: 'http://localhost:3000',
  brokerUrl: 'http://localhost:7400',
  secretBox: createSecretBox(randomBytes(32).toString('base64')),
}
const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const typ = 'oauth-id-jag+jwt'

type World = { idp: TestIssuer; agentId: string; form: Record<string, string>; clientId: string; issuer: TokenIssuer }
const test = dbTest.extend('world', { scope: 'file' }, async ({ db }, { onCleanup }): Promise<World> => {
  const idp = await startIssuer()
  onCleanup(() => idp.stop())
  const { agentId } = await makeAgent(db)
  const { clientId, clientSecret } = await issueAgentCredential(systemCtx(db, now), { agentId })
  const agents = [
    { agent: agentId, subject: 'ada' },
    { agent: 'somebody-else', subject: 'bob' },
    { agent: agentId, subject: 'cleo', clientId },
    { agent: agentId, subject: 'dora', clientId: 'agent-other' },
  ]
  const trustedIssuers = [{ use: 'identity-assertions' as const, issuer: idp.url, jwks: idp.jwks, agents }]
  const form = { grant_type: jwtBearer, client_id: clientId, client_secret: clientSecret! }
  return { idp, agentId, form, clientId, issuer: createTokenIssuer({ ...settings, trustedIssuers }) }
})

function assertionOf({ idp, clientId, issuer }: World, changes = {}, header = {}): Promise<string> {
  const claims = idJagClaims({ audience: issuer.issuer, subject: 'ada', clientId, now, changes })
  return idp.sign(claims, { typ, ...header })
}

async function ask(
  db: Db,
  world: World,
  assertion: string,
  more: { form?: Record<string, string>; dpop?: string } = {},
) {
  const { form = {}, ...rest } = more
  return askForToken(systemCtx(db, now), world.issuer, { form: { ...world.form, assertion, ...form }, ...rest })
}

test('an assertion of the provider about a subject that is given the agent is a token of that agent, once', async ({
  db,
  world,
}) => {
  const assertion = await assertionOf(world)
  const outcomes = await Promise.all([1, 2].map(() => ask(db, world, assertion)))
  const issued = outcomes.find((outcome) => outcome.ok)
  expect(outcomes.find((outcome) => !outcome.ok)).toMatchObject({
    error: { error: 'invalid_grant', rule: 'assertion_replayed' },
  })
  const claims = decodeJwt(issued?.ok ? issued.value.token : '')
  expect(claims).toMatchObject({ sub: world.agentId, client_id: world.clientId, aud: 'http://localhost:7400/mcp' })
  const row = await db.auditEvent.findFirstOrThrow({ where: { event: 'agent.token_issued', agentId: world.agentId } })
  expect(row.detail).toMatchObject({ grant: 'identity_assertion', onBehalfOf: `ada at ${world.idp.url}` })
  const narrowed = await ask(db, world, await assertionOf(world, { sub: 'cleo' }))
  expect(narrowed.ok).toBe(true)
})

test('the token says for whom its client acts, and goes on saying so when it is exchanged', async ({ db, world }) => {
  const subject = `${world.idp.url}|cleo`
  const driver = await db.person.create({ data: { email: 'cleo@example.test', name: 'Cleo', subject } })
  const tokenFor = async (sub: string) => {
    const issued = await ask(db, world, await assertionOf(world, { sub }))
    return issued.ok ? issued.value.token : ''
  }
  const token = await tokenFor('cleo')
  expect(decodeJwt(token)).toMatchObject({ driven_by: driver.id })
  // Who never signed in here is somebody all the same.
  const unknown = { driven_by: 'unknown', driven_by_subject: `${world.idp.url}|ada` }
  expect(decodeJwt(await tokenFor('ada'))).toMatchObject(unknown)
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  }
  const exchanged = await askForToken(systemCtx(db, now), world.issuer, { form })
  expect(exchanged.ok && decodeJwt(exchanged.value.token)).toMatchObject({ driven_by: driver.id })
  // With its own credential alone a client acts for nobody.
  const { assertion: _, ...own } = { ...world.form, grant_type: 'client_credentials', assertion: '' }
  const plain = await askForToken(systemCtx(db, now), world.issuer, { form: own })
  expect(plain.ok && decodeJwt(plain.value.token)).not.toHaveProperty('driven_by')
})

test('whatever does not fit is refused with the error that OAuth has for it, and audited', async ({ db, world }) => {
  const other = await startIssuer()
  const { privateKey } = await generateKeyPair('ES256')
  const claims = idJagClaims({ audience: world.issuer.issuer, subject: 'ada', clientId: world.clientId, now })
  const forged = await new SignJWT({ iss: world.idp.url, ...claims })
    .setProtectedHeader({ alg: 'ES256', typ })
    .sign(privateKey)
  const confused = await new SignJWT({ iss: world.idp.url, ...claims })
    .setProtectedHeader({ alg: 'HS256', typ })
    .sign(Buffer.from('x'.repeat(32)))
  const bad: [string, string, string?][] = [
    ['of an issuer that is not trusted', await other.sign(claims, { typ }), 'issuer_not_trusted'],
    ['that is no JWT', 'nonsense', 'issuer_not_trusted'],
    ['by another key', forged],
    ['by a secret', confused],
    ['of another type', await assertionOf(world, {}, { typ: 'JWT' })],
    ['for another server', await assertionOf(world, { aud: 'https://elsewhere.test' })],
    ['for the broker instead', await assertionOf(world, { aud: world.issuer.audience })],
    ['for two', await assertionOf(world, { aud: [world.issuer.issuer, 'https://elsewhere.test'] })],
    ['that has expired', await assertionOf(world, { exp: seconds - 60 })],
    ['without an end', await assertionOf(world, { exp: undefined })],
    ['that is not valid yet', await assertionOf(world, { nbf: seconds + 600 })],
    ['of the future', await assertionOf(world, { iat: seconds + 600 })],
    ['that is old', await assertionOf(world, { iat: seconds - 7200 })],
    ['without an id', await assertionOf(world, { jti: undefined })],
    ['without a subject', await assertionOf(world, { sub: undefined })],
    ['about another client', await assertionOf(world, { client_id: 'agent-other' })],
    ['about nobody we know', await assertionOf(world, { sub: 'eve' }), 'subject_not_mapped'],
    ['about somebody with another agent', await assertionOf(world, { sub: 'bob' }), 'subject_not_mapped'],
    ['about somebody with another client', await assertionOf(world, { sub: 'dora' }), 'subject_not_mapped'],
    ['bound in an unknown way', await assertionOf(world, { cnf: { jwk: {} } })],
  ]
  for (const [what, assertion, rule = 'assertion_invalid'] of bad) {
    const before = await db.auditEvent.count({ where: { event: 'agent.token_refused', rule, agentId: world.agentId } })
    const outcome = await ask(db, world, assertion)
    expect({ what, outcome }).toMatchObject({ what, outcome: { ok: false, error: { error: 'invalid_grant', rule } } })
    const where = { event: 'agent.token_refused', rule, agentId: world.agentId }
    expect(await db.auditEvent.count({ where })).toBe(before + 1)
  }
  expect(other.reads).toBe(0)
  await other.stop()
})

test('an assertion is worth nothing to whom it was not given', async ({ db, world }) => {
  const assertion = await assertionOf(world)
  const guessed = await ask(db, world, assertion, { form: { client_secret: 'guess' } })
  expect(guessed).toMatchObject({ ok: false, error: { error: 'invalid_client' } })
  const thief = await issueAgentCredential(systemCtx(db, now), { agentId: (await makeAgent(db)).agentId })
  const form = { client_id: thief.clientId, client_secret: thief.clientSecret! }
  expect(await ask(db, world, assertion, { form })).toMatchObject({ ok: false, error: { rule: 'assertion_invalid' } })
  const { client_secret: _, ...anonymous } = world.form
  const nobody = await askForToken(systemCtx(db, now), world.issuer, { form: { ...anonymous, assertion } })
  expect(nobody).toMatchObject({ ok: false, error: { error: 'invalid_client' } })
  expect((await ask(db, world, assertion)).ok).toBe(true)
})

test('the provider may bind it to a resource and to a key', async ({ db, world }) => {
  const [one, two] = [await makeServer(db), await makeServer(db)]
  const at = (id: string) => `${world.issuer.audience}/${id}`
  const narrowed = await ask(db, world, await assertionOf(world, { resource: at(one) }))
  expect(decodeJwt(narrowed.ok ? narrowed.value.token : '').aud).toBe(at(one))
  const beyond = await ask(db, world, await assertionOf(world, { resource: [at(one)] }), {
    form: { resource: at(two) },
  })
  expect(beyond).toMatchObject({ ok: false, error: { error: 'invalid_target', rule: 'resource_not_served' } })
  const key = await clientKey()
  const bound = () => assertionOf(world, { cnf: { jkt: key.jkt } })
  expect(await ask(db, world, await bound())).toMatchObject({ ok: false, error: { error: 'invalid_dpop_proof' } })
  const url = `${world.issuer.issuer}/api/oauth/token`
  const stolen = await ask(db, world, await bound(), { dpop: await dpopProof(await clientKey(), { url, now }) })
  expect(stolen).toMatchObject({ ok: false, error: { error: 'invalid_dpop_proof' } })
  const issued = await ask(db, world, await bound(), { dpop: await dpopProof(key, { url, now }) })
  expect(decodeJwt(issued.ok ? issued.value.token : '')).toMatchObject({ cnf: { jkt: key.jkt } })
})

test('a suspended agent gets no token by an assertion either', async ({ db, world }) => {
  await db.agent.update({ where: { id: world.agentId }, data: { status: 'suspended' } })
  const outcome = await ask(db, world, await assertionOf(world))
  expect(outcome).toMatchObject({ ok: false, error: { error: 'unauthorized_client', rule: 'agent_not_active' } })
  await db.agent.update({ where: { id: world.agentId }, data: { status: 'active' } })
})

test('keys that cannot be read are a reason to try again, not to let in', async ({ db, world }) => {
  const idp = await startIssuer()
  idp.failing = 'status'
  const agents = [{ agent: world.agentId, subject: 'ada' }]
  const trustedIssuers = [{ use: 'identity-assertions' as const, issuer: idp.url, jwks: idp.jwks, agents }]
  const elsewhere = { ...world, idp, issuer: createTokenIssuer({ ...settings, trustedIssuers }) }
  for (let tries = 0; tries < 3; tries += 1) {
    const outcome = await ask(db, elsewhere, await assertionOf(elsewhere))
    expect(outcome).toMatchObject({
      ok: false,
      error: { error: 'temporarily_unavailable', rule: 'issuer_unavailable' },
    })
  }
  expect(idp.reads).toBe(1)
  await idp.stop()
})

test('the metadata offers the grant only where an identity provider is trusted', ({ world }) => {
  const profiles = ['urn:ietf:params:oauth:grant-profile:id-jag']
  const with_ = authorizationServerMetadata(world.issuer)
  expect(with_).toMatchObject({ authorization_grant_profiles_supported: profiles })
  expect(with_['grant_types_supported']).toContain(jwtBearer)
  const without = authorizationServerMetadata(createTokenIssuer(settings))
  expect(without['grant_types_supported']).not.toContain(jwtBearer)
  expect(without).not.toHaveProperty('authorization_grant_profiles_supported')
})
