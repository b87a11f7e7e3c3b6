import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { describe, expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { makeAgent, makeRun, portalUrl, secretBox, sessionToken } from '#lib/dev/test/broker.ts'
import { brokerWorld, lastEvent, postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startBroker } from './testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const world = await brokerWorld({ db, databaseUrl, startBroker })
  onCleanup(world.stop)
  return world
})

test('a suspended agent, an ended run and an unregistered agent get nothing, however valid their token', async ({
  db,
  world,
}) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern' })
  const token = await sessionToken(db, world.broker.url, agent)
  expect((await postCall(world, { token })).status).toBe(200)
  await db.agent.update({ where: { id: agent.agentId }, data: { status: 'suspended', statusReason: 'odd calls' } })
  await until(async () => (await postCall(world, { token })).status === 403, 1000)
  const suspended = await postCall(world, { token })
  expect([suspended.status, suspended.json.error?.data?.['rule']]).toEqual([403, 'agent_not_active'])
  expect(suspended.json.error?.message).toContain('odd calls')
  const row = await lastEvent(db, agent.agentId)
  expect(row).toMatchObject({
    event: 'mcp.caller_refused',
    rule: 'agent_not_active',
    id: suspended.json.error?.data?.['decision'],
  })
  await db.agent.update({ where: { id: agent.agentId }, data: { status: 'active' } })
  expect((await postCall(world, { token })).status).toBe(200)
  await db.run.update({ where: { id: agent.runId }, data: { state: 'succeeded' } })
  await world.broker.broker.keeper.refresh()
  expect((await postCall(world, { token })).json.error?.data?.['rule']).toBe('run_not_open')
  // Registered when the token was made, gone since.
  const { privateKey, kid } = await platformKey(db)
  const stray = await signed({ privateKey, kid, claims: { sub: 'nobody' }, broker: world.broker })
  expect((await postCall(world, { token: stray })).json.error?.data?.['rule']).toBe('agent_unknown')
  expect(await lastEvent(db, 'nobody')).toMatchObject({ event: 'mcp.caller_refused', rule: 'agent_unknown' })
})

test('two tokens of one agent and a token that was made just now work at once', async ({ db, world }) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern' })
  const tokens = await Promise.all([1, 2].map(() => sessionToken(db, world.broker.url, agent)))
  const answers = await Promise.all(tokens.flatMap((token) => [1, 2, 3].map(() => postCall(world, { token }))))
  expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200, 200, 200])
})

describe('a token that is not one of ours', () => {
  const claims: [string, JWTPayload, string][] = [
    ['for another service', { aud: 'https://elsewhere.test/mcp' }, 'token_wrong_audience'],
    ['of another issuer', { iss: 'https://elsewhere.test' }, 'token_wrong_issuer'],
    ['that has expired', { exp: 1_700_000_000 }, 'token_expired'],
    ['of the future', { nbf: 4_000_000_000 }, 'token_not_yet_valid'],
    ['without an agent', { sub: undefined }, 'token_invalid'],
  ]
  test.for(claims)('%s is refused with a challenge', async ([, change, rule], { db, world }) => {
    const agent = await makeAgent(db)
    const { privateKey, kid } = await platformKey(db)
    const token = await signed({ privateKey, kid, claims: { sub: agent.agentId, ...change }, broker: world.broker })
    await expectChallenge(world, token, rule)
  })

  test('unsigned, signed by another key, by a secret, or of another type is refused with a challenge', async ({
    db,
    world,
  }) => {
    const agent = await makeAgent(db)
    const { privateKey, kid, publicJwk } = await platformKey(db)
    const good = await signed({ privateKey, kid, claims: { sub: agent.agentId }, broker: world.broker })
    expect((await postCall(world, { token: good, tool: 'none' })).status).toBe(200)
    const [, payload] = good.split('.')
    const unsigned = `${Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt', kid })).toString('base64url')}.${payload}.`
    const other = await generateKeyPair('EdDSA')
    const forged = await signed({
      privateKey: other.privateKey,
      kid,
      claims: { sub: agent.agentId },
      broker: world.broker,
    })
    const secret = new TextEncoder().encode(JSON.stringify(publicJwk))
    const confused = await new SignJWT(JSON.parse(Buffer.from(payload!, 'base64url').toString()) as JWTPayload)
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid })
      .sign(secret)
    const otherType = await signed({
      privateKey,
      kid,
      claims: { sub: agent.agentId },
      broker: world.broker,
      typ: 'JWT',
    })
    for (const token of [unsigned, forged, confused, otherType, `${good}x`, 'not-a-jwt']) {
      await expectChallenge(world, token, 'token_invalid')
    }
  })

  test('no token at all is refused with a challenge that names the metadata, without an error', async ({ world }) => {
    const answer = await postCall(world, {})
    expect(answer.status).toBe(401)
    const metadataUrl = `${world.broker.url}/.well-known/oauth-protected-resource/mcp/modern`
    expect(answer.headers.get('www-authenticate')).toBe(`Bearer resource_metadata="${metadataUrl}"`)
    expect(await (await fetch(metadataUrl)).json()).toMatchObject({
      resource: `${world.broker.url}/mcp/modern`,
      authorization_servers: [portalUrl],
    })
  })

  test('strangers are audited, a flood of them in a few rows that count them', async ({ db, world }) => {
    const where = { event: 'mcp.caller_refused', rule: 'token_invalid', actorKind: 'anonymous' }
    await until(async () => (await db.auditEvent.count({ where })) > 0)
    await new Promise((resolve) => setTimeout(resolve, 1200))
    const counted = async () => {
      const rows = await db.auditEvent.findMany({ where, select: { detail: true } })
      return { rows: rows.length, callers: rows.reduce((sum, row) => sum + (row.detail as { count: number }).count, 0) }
    }
    const before = await counted()
    await Promise.all(Array.from({ length: 60 }, () => postCall(world, { token: 'flood' })))
    await until(async () => (await counted()).callers === before.callers + 60)
    expect((await counted()).rows - before.rows).toBeLessThanOrEqual(4)
  })
})

test('requests that are too large, not JSON, of a browser or to nowhere are refused', async ({ db, world }) => {
  const agent = await makeAgent(db)
  const token = await sessionToken(db, world.broker.url, agent)
  const large = await postCall(world, { token, body: ' '.repeat(4 * 1024 * 1024 + 1) })
  expect([large.status, large.json.error?.data?.['rule']]).toEqual([413, 'request_too_large'])
  expect((await postCall(world, { token, body: '{' })).json.error?.code).toBe(-32700)
  expect((await postCall(world, { token, headers: { origin: 'https://evil.test' } })).status).toBe(403)
  expect((await postCall(world, { token, headers: { 'content-type': 'text/plain' } })).status).toBe(415)
  const nowhere = await postCall(world, { token, serverId: 'nowhere' })
  expect([nowhere.status, nowhere.json.error?.data?.['rule']]).toEqual([404, 'server_unknown'])
  const unknown = await postCall(world, { token, tool: 'none' })
  expect([unknown.json.error?.code, unknown.json.error?.data?.['rule']]).toEqual([-32602, 'tool_unknown'])
})

test('from 2026-07-28 on, headers that do not agree with the body are refused (-32020)', async ({ db, world }) => {
  const agent = await makeAgent(db)
  const token = await sessionToken(db, world.broker.url, agent)
  const envelope = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'x', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'look', _meta: envelope },
  })
  const right = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'look' }
  const code = async (headers: Record<string, string>) =>
    (await postCall(world, { token, body, headers })).json.error?.code
  expect((await postCall(world, { token, body, headers: right })).json.result?.['resultType']).toBe('complete')
  expect(await code({ ...right, 'mcp-name': 'wipe' })).toBe(-32020)
  expect(await code({ ...right, 'mcp-method': 'tools/list' })).toBe(-32020)
  expect(await code({ 'mcp-protocol-version': '2026-07-28', 'mcp-name': 'look' })).toBe(-32020)
})

test('a run that has not begun may change nothing real, because nobody knows yet which model answers it', async ({
  db,
  world,
}) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'write' })
  await db.mcpServer.update({ where: { id: 'modern' }, data: { environment: 'production', demo: false } })
  await db.run.update({ where: { id: agent.runId }, data: { state: 'queued' } })
  const token = await sessionToken(db, world.broker.url, agent)
  const ruleOf = async (tool: string) => {
    await world.broker.broker.keeper.refresh()
    const { result } = (await postCall(world, { token, tool })).json
    return (result?.['_meta'] as Record<string, { rule: string }> | undefined)?.['wheelhouse/denial']?.rule ?? 'allowed'
  }
  expect(await ruleOf('change')).toBe('policy_simulated_changes_nothing_real')
  expect(await ruleOf('look')).toBe('allowed')
  await db.run.update({ where: { id: agent.runId }, data: { state: 'running', simulated: true } })
  expect(await ruleOf('change')).toBe('policy_simulated_changes_nothing_real')
  const real = { ...agent, runId: await makeRun(db, agent.agentId) }
  const realToken = await sessionToken(db, world.broker.url, real)
  expect((await postCall(world, { token: realToken, tool: 'change' })).json.result?.['isError']).toBeUndefined()
  await db.mcpServer.update({ where: { id: 'modern' }, data: { environment: 'staging', demo: true } })
})

type Reachable = { broker: { url: string } }

async function expectChallenge(world: Reachable, token: string, rule: string): Promise<void> {
  const answer = await postCall(world, { token })
  expect([answer.status, answer.json.error?.data?.['rule']]).toEqual([401, rule])
  expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer error="invalid_token", .*resource_metadata="http/)
}

/** The platform's signing key, to make tokens it never would. */
async function platformKey(db: Db) {
  const row = await db.signingKey.findFirstOrThrow()
  const jwk = JSON.parse(secretBox.open(row.privateCiphertext, `signing-key:${row.kid}`)) as JsonWebKey
  const privateKey = await crypto.subtle.importKey('jwk', jwk, 'Ed25519', true, ['sign'])
  const { d: _, ...publicJwk } = await exportJWK(privateKey)
  return { privateKey, kid: row.kid, publicJwk }
}

function signed(options: {
  privateKey: CryptoKey
  kid: string
  claims: JWTPayload
  broker: Reachable['broker']
  typ?: string
}): Promise<string> {
  const { privateKey, kid, claims, broker, typ = 'at+jwt' } = options
  const seconds = Math.floor(Date.now() / 1000)
  const standard = { iss: portalUrl, aud: `${broker.url}/mcp`, agent_version: 1, jti: crypto.randomUUID() }
  const times = { iat: seconds, nbf: seconds, exp: seconds + 60 }
  return new SignJWT({ ...standard, ...times, ...claims })
    .setProtectedHeader({ alg: 'EdDSA', typ, kid })
    .sign(privateKey)
}
