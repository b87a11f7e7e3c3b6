import { describe, expect } from 'vitest'
import { revokeAgentToken } from '#lib/auth/commands/agent-token-revocation.ts'
import { createTokenIssuer } from '#lib/auth/commands/agent-tokens.ts'
import { rotateSigningKey } from '#lib/auth/commands/signing-keys.ts'
import type { Db } from '#lib/db/client.ts'
import { makeAgent, portalUrl, secretBox, sessionToken } from '#lib/dev/test/broker.ts'
import { brokerWorld, postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { askForToken, formType, systemCtx } from '#lib/dev/test/tokens.ts'
import { credentialToken, opened, signed, tokenClaims } from '#lib/dev/test/forged-tokens.ts'
import { refusals } from '#lib/dev/test/refusals.ts'
import { startBroker } from './testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const world = await brokerWorld({ db, databaseUrl, startBroker })
  onCleanup(world.stop)
  // So that there is a key to forge with.
  await sessionToken(db, world.broker.url, await makeAgent(db))
  return world
})

/** How many were refused by each rule of whom nobody knows who they are: each of them is to be on record, alone or counted. */
const nameless = new Map<string, number>()

async function namelessOnRecord(db: Db, rule: string): Promise<number> {
  const where = { event: 'mcp.caller_refused', rule, actorKind: 'anonymous', agentId: null }
  const rows = await db.auditEvent.findMany({ where, select: { detail: true } })
  return rows.reduce((sum, { detail }) => sum + (detail as { count: number }).count, 0)
}

describe('refused, with a challenge, the rule and an audit row', () => {
  test.for(refusals)('$what: $guarantee', async (refusal, { db, world }) => {
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId: 'modern' })
    const { seq: before } = (await db.auditEvent.findFirst({ orderBy: { seq: 'desc' } })) ?? { seq: 0n }
    const { url } = world.broker
    const presented = await refusal.present({ db, url, agent })
    const headers = typeof presented === 'string' ? { authorization: `Bearer ${presented}` } : presented
    const answer = await postCall(world, { headers })
    await db.stopOrder.updateMany({ where: { releasedAt: null }, data: { releasedAt: new Date() } })
    await world.broker.broker.keeper.refresh()

    const { status = 401, error = 'invalid_token', scheme = 'Bearer', rule } = refusal
    expect([answer.status, answer.json.error?.data?.['rule']]).toEqual([status, rule])
    const { decision } = answer.json.error?.data ?? {}
    const page = typeof decision === 'string' ? `explain/${decision}` : `rules/${rule}`
    if (refusal.named) expect(decision).toBeTypeOf('string')
    expect(answer.text).toContain(`${portalUrl}/${page}`)
    const challenge = answer.headers.get('www-authenticate')
    const metadata = `resource_metadata="${url}/.well-known/oauth-protected-resource/mcp/modern"`
    if (error === null) {
      expect(challenge).toMatch(/^Bearer resource_metadata=/)
      expect(challenge).not.toContain('error=')
    } else {
      expect(challenge).toMatch(new RegExp(`^${scheme} error="${error}", error_description="[^"]+", `))
    }
    expect(challenge).toContain(metadata)
    expect(challenge?.includes('DPoP')).toBe(status === 401)
    if (refusal.named) {
      const agentId = refusal.named === true ? agent.agentId : refusal.named({ db, url, agent })
      const row = await db.auditEvent.findFirst({ where: { id: String(decision) } })
      expect(row).toMatchObject({ event: 'mcp.caller_refused', rule, decision: 'deny', agentId, actorKind: 'agent' })
    } else {
      nameless.set(rule, (nameless.get(rule) ?? 0) + 1)
      await expect.poll(() => namelessOnRecord(db, rule), { timeout: 10_000 }).toBe(nameless.get(rule))
    }
    // Nobody is on record whom no verified token names.
    const others = { event: 'mcp.caller_refused', agentId: agent.agentId, seq: { gt: before } }
    if (!refusal.named) expect(await db.auditEvent.count({ where: others })).toBe(0)
    // A token is a secret also when it is refused.
    const rows = await db.auditEvent.findMany({ where: { seq: { gt: before } } })
    const token = headers['authorization']?.split(' ').at(-1)
    const shown = JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
    if (token && token.length > 20) expect(shown + answer.text + challenge).not.toContain(token)
  })
})

test('a retired key verifies nothing once its last token has expired, and a withdrawn one at once', async ({
  db,
  world,
}) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern' })
  const { kid } = await rotateSigningKey(systemCtx(db), { secretBox, reason: 'a test', withdraw: false })
  const key = await opened(await db.signingKey.findUniqueOrThrow({ where: { kid } }))
  const { privateKey } = key
  const claims = tokenClaims(world.broker.url, { sub: agent.agentId })
  const token = await signed({ privateKey, claims, header: { kid } })
  const ruleNow = async () => (await postCall(world, { token })).json.error?.data?.['rule'] ?? 'allowed'
  expect(await ruleNow()).toBe('allowed')
  const retired = async (minutes: number) => {
    await db.signingKey.update({ where: { kid }, data: { retiredAt: new Date(Date.now() - minutes * 60_000) } })
    await world.broker.broker.keeper.refresh()
    return ruleNow()
  }
  expect(await retired(15)).toBe('allowed')
  expect(await retired(17)).toBe('token_invalid')
  expect(await retired(1)).toBe('allowed')
  const rotation = await rotateSigningKey(systemCtx(db), { secretBox, reason: 'it leaked', withdraw: true })
  expect(rotation.withdrawn).toContain(kid)
  await until(async () => (await ruleNow()) === 'token_invalid', 2000)
  const next = await sessionToken(db, world.broker.url, agent)
  expect((await postCall(world, { token: next })).status).toBe(200)
})

test('a revoked token ends within a second, with what was exchanged for it, and others of its client go on', async ({
  db,
  world,
}) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern' })
  const { url: brokerUrl } = world.broker
  const { token, clientId, clientSecret } = await credentialToken(db, { brokerUrl, agentId: agent.agentId })
  const issuer = createTokenIssuer({ url: portalUrl, brokerUrl, secretBox })
  const client = { client_id: clientId, client_secret: clientSecret }
  const another = await askForToken(systemCtx(db), issuer, { form: client })
  const exchanged = await askForToken(systemCtx(db), issuer, {
    form: {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      resource: `${brokerUrl}/mcp/modern`,
    },
  })
  const tokens = [token, exchanged.ok ? exchanged.value.token : '', another.ok ? another.value.token : '']
  const statuses = async () => {
    const answers = await Promise.all(tokens.map((one) => postCall(world, { token: one })))
    return answers.map(({ status }) => status)
  }
  expect(await statuses()).toEqual([200, 200, 200])
  const body = new URLSearchParams({ ...client, token }).toString()
  await revokeAgentToken(systemCtx(db), { issuer, authorization: null, contentType: formType, body })
  await until(async () => (await postCall(world, { token })).status === 401, 1500)
  expect(await statuses()).toEqual([401, 401, 200])
})
