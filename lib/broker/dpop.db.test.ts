import { generateKeyPair } from 'jose'
import { describe, expect } from 'vitest'
import { answerTokenRequest } from '#lib/auth/commands/agent-token-endpoint.ts'
import { claimProof } from '#lib/auth/commands/proofs.ts'
import { createTokenIssuer, issueAgentCredential } from '#lib/auth/commands/agent-tokens.ts'
import type { Db } from '#lib/db/client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, secretBox } from '#lib/dev/test/broker.ts'
import { brokerWorld, postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { credentialToken } from '#lib/dev/test/forged-tokens.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { type ClientKey, clientKey, dpopProof, formType, systemCtx } from '#lib/dev/test/tokens.ts'
import type { Limits } from './limits.ts'
import { startBroker } from './testing/start-broker.ts'

type Holder = { agentId: string; key: ClientKey; token: string; url: string }

const test = dbTest
  .extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
    const world = await brokerWorld({ db, databaseUrl, startBroker })
    onCleanup(world.stop)
    return world
  })
  .extend('holder', { scope: 'file' }, async ({ db, world }): Promise<Holder> => {
    const { agentId } = await makeAgent(db)
    await makeGrant(db, { agentId, serverId: 'modern' })
    const key = await clientKey()
    const { token } = await credentialToken(db, { brokerUrl: world.broker.url, agentId, key })
    return { agentId, key, token, url: `${world.broker.url}/mcp/modern` }
  })

type Reachable = Parameters<typeof postCall>[0]
const call = (world: Reachable, token: string, dpop: string) =>
  postCall(world, { headers: { authorization: `DPoP ${token}`, dpop } })
/** As behind a balancer: another broker with the same address towards agents. */
async function besides(
  { db, databaseUrl, world }: { db: Db; databaseUrl: string; world: Reachable },
  limits: Partial<Limits> = {},
) {
  const same = { db, databaseUrl, brokerUrl: world.broker.url, portalUrl, encryptionKey }
  return { broker: await startBroker({ ...same, port: await freePort(), limits }) }
}
const ruleOf = (answer: Awaited<ReturnType<typeof postCall>>) => answer.json.error?.data?.['rule'] ?? 'allowed'

test('who holds the key calls with a new proof each time, and a proof counts once, also for two at once', async ({
  world,
  holder,
}) => {
  const proof = () => dpopProof(holder.key, holder)
  expect((await call(world, holder.token, await proof())).status).toBe(200)
  expect((await call(world, holder.token, await proof())).status).toBe(200)
  const one = await proof()
  const answers = await Promise.all([1, 2, 3].map(() => call(world, holder.token, one)))
  expect(answers.map(ruleOf).filter((rule) => rule === 'allowed')).toHaveLength(1)
  expect(answers.map(ruleOf).filter((rule) => rule === 'dpop_proof_replayed')).toHaveLength(2)
})

test('a proof counts once at all brokers, also at two at once', async ({ db, databaseUrl, world, holder }) => {
  const { broker: other } = await besides({ db, databaseUrl, world })
  const proof = await dpopProof(holder.key, holder)
  const answers = await Promise.all([call(world, holder.token, proof), call({ broker: other }, holder.token, proof)])
  expect(new Set(answers.map(ruleOf))).toEqual(new Set(['allowed', 'dpop_proof_replayed']))
  expect(ruleOf(await call({ broker: other }, holder.token, await dpopProof(holder.key, holder)))).toBe('allowed')
  await other.stop()
})

describe('a proof that proves something else is refused, and recorded with the agent', () => {
  const seconds = () => Math.floor(Date.now() / 1000)
  const bad: [string, (holder: Holder, world: Reachable) => Promise<string>, string?][] = [
    [
      'that was used before',
      async (holder, world) => {
        const proof = await dpopProof(holder.key, holder)
        expect((await call(world, holder.token, proof)).status).toBe(200)
        return proof
      },
      'dpop_proof_replayed',
    ],
    ['of another key', async (holder) => dpopProof(await clientKey(), holder), 'token_binding'],
    ['for another method', (holder) => dpopProof(holder.key, { ...holder, method: 'GET' })],
    ['for another server', ({ key, token, url }) => dpopProof(key, { token, url: url.replace('modern', 'legacy') })],
    ['for another host', ({ key, token }) => dpopProof(key, { token, url: 'http://elsewhere.test/mcp/modern' })],
    ['for another token', (holder) => dpopProof(holder.key, { ...holder, token: 'another' })],
    ['for no token', ({ key, url }) => dpopProof(key, { url })],
    ['from too long ago', (holder) => dpopProof(holder.key, { ...holder, claims: { iat: seconds() - 90 } })],
    ['from the future', (holder) => dpopProof(holder.key, { ...holder, claims: { iat: seconds() + 60 } })],
    ['that has expired', (holder) => dpopProof(holder.key, { ...holder, claims: { exp: seconds() - 10 } })],
    ['without a time', (holder) => dpopProof(holder.key, { ...holder, claims: { iat: undefined } })],
    ['without an id', (holder) => dpopProof(holder.key, { ...holder, claims: { jti: undefined } })],
    ['with an endless id', (holder) => dpopProof(holder.key, { ...holder, claims: { jti: 'x'.repeat(500) } })],
    ['of another type', (holder) => dpopProof(holder.key, { ...holder, header: { typ: 'JWT' } })],
    ['without its key', (holder) => dpopProof(holder.key, { ...holder, header: { jwk: undefined } })],
    ['with a key that is none', (holder) => dpopProof(holder.key, { ...holder, header: { jwk: { kty: 'EC' } } })],
    ['twice', async (holder) => `${await dpopProof(holder.key, holder)}, ${await dpopProof(holder.key, holder)}`],
    ['that is no JWT', async () => 'nonsense'],
    ['not at all', async () => ''],
    [
      'with its private key',
      async (holder) => {
        const { privateKey } = await generateKeyPair('ES256', { extractable: true })
        const jwk = await crypto.subtle.exportKey('jwk', privateKey)
        return dpopProof({ ...holder.key, privateKey }, { ...holder, header: { jwk } })
      },
    ],
    [
      'signed by somebody else under its key',
      async (holder) => dpopProof({ ...holder.key, privateKey: (await clientKey()).privateKey }, holder),
    ],
  ]
  test.for(bad)('%s', async ([, proof, rule = 'dpop_proof_invalid'], { db, world, holder }) => {
    const answer = await call(world, holder.token, await proof(holder, world))
    expect([answer.status, ruleOf(answer)]).toEqual([401, rule])
    const error = rule === 'token_binding' ? 'invalid_token' : 'invalid_dpop_proof'
    const challenge = answer.headers.get('www-authenticate')
    expect(challenge).toMatch(new RegExp(`^DPoP error="${error}", .*algs="[^"]*ES256[^"]*", Bearer resource_metadata=`))
    const id = String(answer.json.error?.data?.['decision'])
    const row = await db.auditEvent.findFirst({ where: { id } })
    expect(row).toMatchObject({ event: 'mcp.caller_refused', rule, agentId: holder.agentId })
  })
})

test('while nobody can say whether a proof is new it does not count, which is no replay', async ({
  db,
  databaseUrl,
  world,
  holder,
}) => {
  const impatient = await besides({ db, databaseUrl, world }, { auditWaitMs: 1000 })
  const answer = await db.$transaction(
    async (tx) => {
      await tx.$executeRaw`lock table "UsedAssertion" in access exclusive mode`
      return await call(impatient, holder.token, await dpopProof(holder.key, holder))
    },
    { timeout: 60_000 },
  )
  expect([answer.status, ruleOf(answer)]).toEqual([503, 'dpop_proof_unread'])
  expect(answer.headers.get('www-authenticate')).toBeNull()
  expect((await call(impatient, holder.token, await dpopProof(holder.key, holder))).status).toBe(200)
  await impatient.broker.stop()
})

test('an agent that floods the broker with proofs is slowed before they are looked up', async ({
  db,
  databaseUrl,
  world,
  holder,
}) => {
  const slow = await besides({ db, databaseUrl, world }, { agentCallsPerSecond: 1 })
  const claimed = () => db.usedAssertion.count({ where: { clientId: `dpop:${holder.key.jkt}` } })
  const before = await claimed()
  const answers: Awaited<ReturnType<typeof call>>[] = []
  let slowed: typeof answers = []
  // A machine that is busy answers so many in so long a time that they are not too many: then more are sent.
  await until(async () => {
    const sent = Array.from({ length: 40 }, async () => call(slow, holder.token, await dpopProof(holder.key, holder)))
    answers.push(...(await Promise.all(sent)))
    slowed = answers.filter(({ status, json }) => status === 429 && json.error?.message.includes('with proofs'))
    return slowed.length > 0
  }, 60_000)
  expect(new Set(slowed.map(ruleOf))).toEqual(new Set(['rate_limited']))
  expect((await claimed()) - before).toBe(answers.length - slowed.length)
  await slow.broker.stop()
})

test('a revoked, unbound or foreign token is refused with a good proof, too', async ({ db, world, holder }) => {
  const { token, clientId } = await credentialToken(db, {
    brokerUrl: world.broker.url,
    agentId: holder.agentId,
    key: holder.key,
  })
  const proof = (of: string) => dpopProof(holder.key, { url: holder.url, token: of })
  expect((await call(world, token, await proof(token))).status).toBe(200)
  await db.agentCredential.update({ where: { clientId }, data: { revokedAt: new Date() } })
  await world.broker.broker.keeper.refresh()
  expect(ruleOf(await call(world, token, await proof(token)))).toBe('token_revoked')
  expect(ruleOf(await call(world, 'nonsense', await proof('nonsense')))).toBe('token_invalid')
})

test('the token endpoint says what kind of token it gives, and takes a proof once', async ({ db, holder }) => {
  const issuer = createTokenIssuer({ url: portalUrl, brokerUrl: 'http://localhost:7400', secretBox })
  const { clientId, clientSecret } = await issueAgentCredential(systemCtx(db), { agentId: holder.agentId })
  const form = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret! }
  const ask = async (dpop: string) => {
    const headers = new Headers({ 'content-type': formType, dpop })
    const answer = await answerTokenRequest(systemCtx(db), {
      issuer,
      headers,
      body: new URLSearchParams(form).toString(),
    })
    return { status: answer.status, body: await answer.json() }
  }
  const endpoint = `${portalUrl}/api/oauth/token`
  const proof = await dpopProof(holder.key, { url: endpoint })
  const answers = await Promise.all([ask(proof), ask(proof)])
  expect(answers.find(({ status }) => status === 200)?.body).toMatchObject({ token_type: 'DPoP' })
  const refused = { error: 'invalid_dpop_proof', rule: 'dpop_proof_invalid' }
  const replayed = { ...refused, rule: 'dpop_proof_replayed' }
  expect(answers.find(({ status }) => status === 400)?.body).toMatchObject(replayed)
  expect(await ask(await dpopProof(holder.key, { url: holder.url }))).toMatchObject({ status: 400, body: refused })
  expect(await ask('nonsense')).toMatchObject({ status: 400, body: refused })
})

test('only processes of the platform claim proofs, each once', async ({ db }) => {
  const proof = { jkt: 'a key', jti: 'an id', until: new Date(Date.now() + 60_000) }
  const ctx = systemCtx(db)
  expect((await Promise.all([1, 2, 3].map(() => claimProof(ctx, proof)))).filter(Boolean)).toHaveLength(1)
  const person = ctxFor(db, await makePerson(db, { roles: ['platform_admin'] }))
  await expect(claimProof(person, { ...proof, jti: 'another' })).rejects.toMatchObject({ code: 'forbidden' })
})
