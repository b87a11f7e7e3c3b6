import { randomBytes, randomUUID } from 'node:crypto'
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose'
import { expect } from 'vitest'
import { createSecretBox } from '#lib/core/secret-box.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { type Actor, type Ctx, systemActor } from '../ctx.ts'
import { permissionsOf } from '../permissions.ts'
import { listAgentCredentials } from '../queries.ts'
import { answerTokenRequest } from './agent-token-endpoint.ts'
import { issueAgentToken } from './agent-token-issuing.ts'
import {
  createTokenIssuer,
  issueAgentCredential,
  mintSessionToken,
  publicJwks,
  revokeAgentCredentials,
} from './agent-tokens.ts'

const now = new Date('2026-11-22T10:00:00Z')
const secretBox = createSecretBox(randomBytes(32).toString('base64'))
const issuer = createTokenIssuer({ url: 'http://localhost:3000', brokerUrl: 'http://localhost:7400', secretBox })
const later = (ms: number) => new Date(now.getTime() + ms)

function system(db: Db, at = now): Ctx {
  return { db, actor: systemActor('worker'), now: at }
}

function person(db: Db, roles: string[], teamIds: string[] = ['finance']): Ctx {
  const permissions = permissionsOf(roles)
  const actor: Actor = {
    kind: 'person',
    id: randomUUID(),
    name: 'Ada',
    email: 'ada@example.test',
    roles,
    teamIds,
    permissions,
  }
  return { db, actor, now }
}

async function registered(
  db: Db,
  status: 'provisioning' | 'active' | 'suspended' | 'retired' = 'active',
): Promise<string> {
  const id = `agent-${randomUUID()}`
  await db.team.upsert({ where: { id: 'finance' }, create: { id: 'finance', name: 'Finance' }, update: {} })
  const accountable = await db.person.create({ data: { email: `${id}@example.test`, name: 'Ada' } })
  const rest = {
    purpose: 'p',
    tier: 'low',
    currentVersion: 2,
    ownerTeamId: 'finance',
    accountablePersonId: accountable.id,
  } as const
  await db.agent.create({ data: { id, name: 'Reconciler', status, ...rest } })
  return id
}

async function openRun(db: Db, agentId: string, agentVersion = 2): Promise<string> {
  const run = await db.run.create({
    data: { agentId, agentVersion, trigger: 'manual', state: 'running', input: '', simulated: true },
  })
  return run.id
}

async function registerServer(db: Db, id: string): Promise<void> {
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id, name: id, url: 'http://127.0.0.1:9/mcp', ...rest } })
}

function lastEvent(db: Db, agentId: string) {
  return db.auditEvent.findFirst({ where: { agentId }, orderBy: { seq: 'desc' } })
}

function basic(clientId: string, secret: string): string {
  return `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`
}

function ask(ctx: Ctx, options: { authorization?: string; body?: string }) {
  return issueAgentToken(ctx, {
    issuer,
    authorization: options.authorization ?? null,
    contentType: 'application/x-www-form-urlencoded',
    body: `grant_type=client_credentials&${options.body ?? ''}`,
  })
}

dbTest(
  'two first tokens at once are signed by one key, verify against the JWK set and last at most 15 minutes',
  async ({ db }) => {
    const agentId = await registered(db)
    const runId = await openRun(db, agentId)
    const mint = () => mintSessionToken(system(db), { issuer, agentId, version: 2, runId })
    const [first, second] = await Promise.all([mint(), mint()])
    expect(first?.ok && second?.ok).toBe(true)
    expect(await db.signingKey.count()).toBe(1)
    if (!first?.ok) return
    const keys = createLocalJWKSet(await publicJwks(system(db)))
    const { payload } = await jwtVerify(first.value.token, keys, {
      algorithms: ['EdDSA'],
      typ: 'at+jwt',
      currentDate: now,
    })
    expect(payload).toMatchObject({
      iss: 'http://localhost:3000',
      aud: 'http://localhost:7400/mcp',
      sub: agentId,
      agent_version: 2,
      run: runId,
    })
    expect(payload.exp! - payload.iat!).toBe(900)
    const key = await db.signingKey.findFirstOrThrow()
    expect(Buffer.from(key.privateCiphertext).toString()).not.toContain('"d"')
    expect((await lastEvent(db, agentId))?.event).toBe('agent.token_issued')
    expect(await db.auditEvent.count({ where: { event: 'signing_key.created' } })).toBe(1)
  },
)

dbTest(
  'a month later a new key signs as soon as it is settled, and the old one stays published meanwhile',
  async ({ db }) => {
    const agentId = await registered(db)
    const runId = await openRun(db, agentId)
    const month = 30 * 86_400_000
    const kidAt = async (ms: number) => {
      const minted = await mintSessionToken(system(db, later(ms)), { issuer, agentId, version: 2, runId })
      const header = minted.ok ? minted.value.token.split('.')[0]! : ''
      return (JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string }).kid
    }
    const published = async (ms: number) => (await publicJwks(system(db, later(ms)))).keys.map((key) => key.kid)
    const old = await kidAt(0)
    expect(await kidAt(month)).toBe(old)
    const due = await Promise.all([kidAt(month + 1000), kidAt(month + 1000)])
    expect(due).toEqual([old, old])
    expect(await published(month + 1000)).toHaveLength(2)
    expect(await kidAt(month + 119_000)).toBe(old)
    const next = await kidAt(month + 122_000)
    expect(next).not.toBe(old)
    expect(await published(month + 18 * 60_000)).toEqual([next, old])
    expect(await published(month + 19 * 60_000)).toEqual([next])
  },
)

dbTest('an agent that may not act gets no session token: refused with the rule and audited', async ({ db }) => {
  for (const status of ['provisioning', 'suspended', 'retired'] as const) {
    const agentId = await registered(db, status)
    const runId = await openRun(db, agentId)
    const minted = await mintSessionToken(system(db), { issuer, agentId, version: 2, runId })
    expect(minted).toMatchObject({ ok: false, error: { rule: 'agent_not_active' } })
    expect(await lastEvent(db, agentId)).toMatchObject({ event: 'agent.token_refused', rule: 'agent_not_active' })
  }
  const unknown = await mintSessionToken(system(db), { issuer, agentId: 'nobody', version: 1, runId: randomUUID() })
  expect(unknown).toMatchObject({ ok: false, error: { rule: 'agent_unknown' } })
})

dbTest('a stopped agent gets no token until the order is released', async ({ db }) => {
  const agentId = await registered(db)
  const { clientId, clientSecret } = await issueAgentCredential(system(db), { agentId })
  const order = await db.stopOrder.create({
    data: { scope: 'agent', targetId: agentId, reason: 'odd calls', orderedByName: 'Ola' },
  })
  const refused = await ask(system(db), { authorization: basic(clientId, clientSecret!) })
  expect(refused).toMatchObject({ ok: false, error: { error: 'unauthorized_client', rule: 'killed' } })
  await db.stopOrder.update({ where: { id: order.id }, data: { releasedAt: now } })
  expect((await ask(system(db), { authorization: basic(clientId, clientSecret!) })).ok).toBe(true)
})

dbTest('a credential works by Basic and by form, is stored hashed, and ends when revoked', async ({ db }) => {
  const agentId = await registered(db)
  const { clientId, clientSecret } = await issueAgentCredential(person(db, ['builder']), { agentId })
  expect((await lastEvent(db, agentId))?.event).toBe('agent.credentials_issued')
  const row = await db.agentCredential.findUniqueOrThrow({ where: { clientId } })
  expect(JSON.stringify(row)).not.toContain(clientSecret)
  const form = `client_id=${clientId}&client_secret=${clientSecret}&resource=${encodeURIComponent('http://localhost:7400/mcp/erp')}`
  expect((await ask(system(db), { authorization: basic(clientId, clientSecret!) })).ok).toBe(true)
  const unknownServer = await ask(system(db), { body: form })
  expect(unknownServer).toMatchObject({ ok: false, error: { error: 'invalid_target', rule: 'resource_not_served' } })
  await registerServer(db, 'erp')
  expect((await ask(system(db), { body: form })).ok).toBe(true)
  expect((await lastEvent(db, agentId))?.event).toBe('agent.token_issued')
  const wrong = await ask(system(db), { authorization: basic(clientId, 'wrong') })
  expect(wrong).toMatchObject({ ok: false, error: { error: 'invalid_client', rule: 'client_authentication_failed' } })
  const foreign = await ask(system(db), { body: `${form}&resource=https://elsewhere.test` })
  expect(foreign).toMatchObject({ ok: false, error: { error: 'invalid_target' } })
  expect(await lastEvent(db, agentId)).toMatchObject({ event: 'agent.token_refused', rule: 'resource_not_served' })
  expect(await revokeAgentCredentials(person(db, ['team_lead']), { agentId })).toEqual({ revoked: [clientId] })
  expect((await lastEvent(db, agentId))?.event).toBe('agent.credentials_revoked')
  const after = await ask(system(db), { authorization: basic(clientId, clientSecret!) })
  expect(after).toMatchObject({ ok: false, error: { rule: 'client_unknown' } })
  const recorded = await db.auditEvent.findFirst({ where: { subjectId: clientId }, orderBy: { seq: 'desc' } })
  expect(recorded).toMatchObject({ event: 'agent.token_refused', rule: 'client_unknown' })
})

dbTest('the list of credentials tells their use and end to whoever may see agents, and no secret', async ({ db }) => {
  const agentId = await registered(db)
  const { clientId, clientSecret } = await issueAgentCredential(person(db, ['builder']), { agentId })
  const later = { ...system(db), now: new Date(now.getTime() + 1000) }
  const byKey = await issueAgentCredential(later, {
    agentId,
    publicJwk: await exportJWK((await generateKeyPair('ES256')).publicKey),
  })
  await ask(system(db), { authorization: basic(clientId, clientSecret!) })
  await revokeAgentCredentials(person(db, ['team_lead']), { agentId, clientId: byKey.clientId })
  const list = await listAgentCredentials(person(db, ['finance'], []), agentId)
  expect(list).toEqual([
    { clientId: byKey.clientId, kind: 'key', createdAt: later.now, lastUsedAt: null, revokedAt: now },
    { clientId, kind: 'secret', createdAt: now, lastUsedAt: now, revokedAt: null },
  ])
  expect(await listAgentCredentials(person(db, ['finance']), 'another')).toEqual([])
  await expect(listAgentCredentials(person(db, []), agentId)).rejects.toMatchObject({ code: 'forbidden' })
})

dbTest(
  'credentials are changed by the owning team only, session tokens made by the platform only, private keys refused',
  async ({ db }) => {
    const agentId = await registered(db)
    const { privateKey } = await generateKeyPair('ES256', { extractable: true })
    const privateJwk = await exportJWK(privateKey)
    await expect(issueAgentCredential(person(db, ['finance']), { agentId })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(issueAgentCredential(person(db, ['builder'], ['it']), { agentId })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(revokeAgentCredentials(person(db, ['builder'], ['it']), { agentId })).rejects.toMatchObject({
      code: 'forbidden',
    })
    // To suspend the agents of one's own team does not reach those of others.
    await expect(revokeAgentCredentials(person(db, ['team_lead'], ['it']), { agentId })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(revokeAgentCredentials(person(db, []), { agentId })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(issueAgentCredential(system(db), { agentId, publicJwk: privateJwk })).rejects.toMatchObject({
      code: 'invalid',
    })
    const runId = await openRun(db, agentId)
    const minted = mintSessionToken(person(db, ['platform_admin']), { issuer, agentId, version: 2, runId })
    await expect(minted).rejects.toMatchObject({ code: 'forbidden' })
    const retired = await registered(db, 'retired')
    await expect(issueAgentCredential(system(db), { agentId: retired })).rejects.toMatchObject({ code: 'conflict' })
  },
)

dbTest('the endpoint answers as RFC 6749 says, names the rule, and limits tries by client', async ({ db }) => {
  const agentId = await registered(db)
  const { clientId, clientSecret } = await issueAgentCredential(system(db), { agentId })
  const post = (secret: string) => {
    const headers = new Headers({
      authorization: basic(clientId, secret),
      'content-type': 'application/x-www-form-urlencoded',
    })
    return answerTokenRequest(system(db), { issuer, headers, body: 'grant_type=client_credentials' })
  }
  const good = await post(clientSecret!)
  expect([good.status, good.headers.get('cache-control')]).toEqual([200, 'no-store'])
  expect(await good.json()).toMatchObject({ token_type: 'Bearer', expires_in: 900 })
  const bad = await post('guess')
  expect([bad.status, bad.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="wheelhouse"'])
  expect(await bad.json()).toMatchObject({ error: 'invalid_client', rule: 'client_authentication_failed' })
  for (let tries = 2; tries < 120; tries += 1) await post('guess')
  const limited = await post(clientSecret!)
  expect([limited.status, Number(limited.headers.get('retry-after')) > 0]).toEqual([429, true])
})
