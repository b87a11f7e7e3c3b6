import type { Client } from '@modelcontextprotocol/client'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { describe, expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { freePort } from '#lib/dev/ports.ts'
import {
  connectAgent,
  encryptionKey,
  makeAgent,
  portalUrl,
  secretBox,
  sessionToken,
  startUpstream,
  type TestAgent,
  type TestUpstream,
  upstreamSecret,
} from '#lib/dev/test/broker.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startBroker, type TestBroker } from './testing/start-broker.ts'

type Era = 'modern' | 'legacy'
type World = { broker: TestBroker; upstreams: Record<Era, TestUpstream> }

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }): Promise<World> => {
  const upstreams = { modern: await startUpstream(), legacy: await startUpstream({ legacy: true }) }
  for (const id of ['modern', 'legacy'] as const) await registerServer(db, id, upstreams[id].url)
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  onCleanup(async () => {
    await broker.stop()
    await Promise.all(Object.values(upstreams).map((upstream) => upstream.stop()))
  })
  await until(async () => (await db.mcpTool.count()) === 10)
  return { broker, upstreams }
})

async function registerServer(db: Db, id: string, url: string): Promise<void> {
  const ciphertext = secretBox.seal(upstreamSecret, `upstream-credential:${id}`)
  const credential = { create: { kind: 'bearer', ciphertext, keyId: secretBox.keyId } }
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id, name: id, url, credential, ...rest } })
}

async function session(
  db: Db,
  { broker }: World,
  options: { agent: TestAgent; serverId?: string; era?: Era },
): Promise<Client> {
  const { agent, serverId = 'modern', era = 'modern' } = options
  return connectAgent(broker.url, { serverId, token: await sessionToken(db, broker.url, agent), era })
}

/** A bare request, to see status and headers. */
async function post(
  { broker }: World,
  options: { token?: string; tool?: string; serverId?: string; body?: string; headers?: Record<string, string> },
) {
  const { token, tool = 'look', serverId = 'modern' } = options
  const body = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: tool, arguments: {} } }
  const response = await fetch(`${broker.url}/mcp/${serverId}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...options.headers,
    },
    body: options.body ?? JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: parsed(text) }
}

type RpcBody = {
  result?: Record<string, unknown>
  error?: { code: number; message: string; data?: Record<string, unknown> }
}

function parsed(text: string): RpcBody {
  try {
    return JSON.parse(text) as RpcBody
  } catch {
    return {}
  }
}

function lastEvent(db: Db, agentId: string, event?: string) {
  return db.auditEvent.findFirst({ where: { agentId, ...(event ? { event } : {}) }, orderBy: { seq: 'desc' } })
}

const pairs = (['modern', 'legacy'] as const).flatMap((agentEra) =>
  (['modern', 'legacy'] as const).map((serverId) => [agentEra, serverId] as const),
)

describe.each(pairs)('an agent of the %s era, a server of the %s era', (era, serverId) => {
  test('sees and calls what it is granted, and the record is there before the answer', async ({ db, world }) => {
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId, class: 'write' })
    const client = await session(db, world, { agent, serverId, era })
    const { tools } = await client.listTools()
    expect(tools.map((tool) => tool.name)).toEqual(['change', 'leak', 'look', 'slow'])
    expect(tools.find((tool) => tool.name === 'change')?.description).toBe('change something')
    const answer = await client.callTool({ name: 'change', arguments: { word: `order ${era}` } })
    const rows = await db.auditEvent.findMany({
      where: { agentId: agent.agentId, tool: 'change' },
      orderBy: { seq: 'desc' },
    })
    expect(answer.content).toEqual([{ type: 'text', text: `changed order ${era}` }])
    expect(rows).toMatchObject([
      { event: 'mcp.call_allowed', decision: 'allow', detail: { class: 'write', outcome: 'ok' } },
      { event: 'mcp.call_intended', runId: agent.runId, teamId: agent.teamId },
    ])
    // Arguments are in the log as a digest only.
    expect(JSON.stringify(rows.map((row) => row.detail))).not.toContain('order')
    await client.close()
  })

  test('a tool that is not granted is not shown, and refused with the rule when it is called', async ({
    db,
    world,
  }) => {
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId, class: 'read' })
    const client = await session(db, world, { agent, serverId, era })
    expect((await client.listTools()).tools.map((tool) => tool.name)).not.toContain('wipe')
    expect(await lastEvent(db, agent.agentId)).toMatchObject({
      event: 'mcp.tools_listed',
      detail: { listed: 3, hidden: 2 },
    })
    const before = world.upstreams[serverId].calls.length
    const answer = await client.callTool({ name: 'wipe', arguments: { word: 'all' } })
    const row = await lastEvent(db, agent.agentId)
    expect(row).toMatchObject({ event: 'mcp.call_denied', decision: 'deny', rule: 'grant_missing', tool: 'wipe' })
    expect(answer.isError).toBe(true)
    expect(JSON.stringify(answer.content)).toMatch(/grant_missing.*Request the scope.*\/scopes/)
    expect(answer._meta?.['wheelhouse/denial']).toEqual({
      rule: 'grant_missing',
      decision: row?.id,
      link: `${portalUrl}/agents/${agent.agentId}/scopes`,
    })
    expect(world.upstreams[serverId].calls.length).toBe(before)
    await client.close()
  })

  test('an order to stop ends the call that is under way within a second, at the server too', async ({ db, world }) => {
    const upstream = world.upstreams[serverId]
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId })
    const client = await session(db, world, { agent, serverId, era })
    const began = upstream.slowBegan()
    const cancelled = upstream.cancelled
    const answer = client.callTool({ name: 'slow', arguments: {} })
    await began
    const orderedAt = Date.now()
    const order = await db.stopOrder.create({
      data: { scope: 'agent', targetId: agent.agentId, reason: 'odd calls', orderedByName: 'Ola' },
    })
    expect(await answer).toMatchObject({ isError: true, _meta: { 'wheelhouse/denial': { rule: 'killed' } } })
    expect(Date.now() - orderedAt).toBeLessThan(1000)
    await until(() => upstream.cancelled > cancelled)
    const row = await lastEvent(db, agent.agentId, 'mcp.call_allowed')
    expect(row).toMatchObject({ rule: 'killed', detail: { outcome: 'aborted' } })
    await until(async () => (await db.stopAck.count({ where: { orderId: order.id } })) === 1)
    const ack = await db.stopAck.findFirstOrThrow({ where: { orderId: order.id } })
    expect(ack).toMatchObject({ process: 'broker', detail: { callsAborted: 1 } })
    // Nothing goes any more, and the session's own requests are refused as well.
    await expect(client.callTool({ name: 'look', arguments: {} })).rejects.toThrow(/killed/)
    await client.close()
  })
})

test('what is refused by a class of facts: stopped server or tool, quarantined tool, expired grant, disabled server', async ({
  db,
  world,
}) => {
  const agent = await makeAgent(db)
  const grantId = await makeGrant(db, { agentId: agent.agentId, serverId: 'modern' })
  const client = await session(db, world, { agent })
  const ruleOf = async () => {
    await world.broker.broker.keeper.refresh()
    const answer = await client.callTool({ name: 'look', arguments: {} })
    const { tools } = await client.listTools()
    const rule = (answer._meta?.['wheelhouse/denial'] as { rule: string } | undefined)?.rule ?? 'allowed'
    // One decision for both: what can be called is listed, and the other way round.
    expect(tools.some((tool) => tool.name === 'look')).toBe(rule === 'allowed')
    return rule
  }
  expect(await ruleOf()).toBe('allowed')
  for (const [scope, targetId] of [
    ['server', 'modern'],
    ['tool', 'modern/look'],
  ] as const) {
    const order = await db.stopOrder.create({ data: { scope, targetId, reason: 'drill', orderedByName: 'Ola' } })
    expect(await ruleOf()).toBe('killed')
    await db.stopOrder.update({ where: { id: order.id }, data: { releasedAt: new Date() } })
    expect(await ruleOf()).toBe('allowed')
  }
  const look = { serverId_name: { serverId: 'modern', name: 'look' } }
  await db.mcpTool.update({ where: look, data: { state: 'quarantined' } })
  expect(await ruleOf()).toBe('tool_quarantined')
  await db.mcpTool.update({ where: look, data: { state: 'approved' } })
  await db.mcpServer.update({ where: { id: 'modern' }, data: { status: 'disabled' } })
  expect(await ruleOf()).toBe('server_disabled')
  await db.mcpServer.update({ where: { id: 'modern' }, data: { status: 'active' } })
  await db.grant.update({ where: { id: grantId }, data: { expiresAt: new Date() } })
  expect(await ruleOf()).toBe('grant_expired')
  await db.grant.update({ where: { id: grantId }, data: { expiresAt: null, revokedAt: new Date() } })
  expect(await ruleOf()).toBe('grant_missing')
  await client.close()
})

test('a suspended agent, an ended run and an unregistered agent get nothing, however valid their token', async ({
  db,
  world,
}) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern' })
  const token = await sessionToken(db, world.broker.url, agent)
  expect((await post(world, { token })).status).toBe(200)
  await db.agent.update({ where: { id: agent.agentId }, data: { status: 'suspended', statusReason: 'odd calls' } })
  await until(async () => (await post(world, { token })).status === 403, 1000)
  const suspended = await post(world, { token })
  expect([suspended.status, suspended.json.error?.data?.['rule']]).toEqual([403, 'agent_not_active'])
  expect(suspended.json.error?.message).toContain('odd calls')
  const row = await lastEvent(db, agent.agentId)
  expect(row).toMatchObject({
    event: 'mcp.caller_refused',
    rule: 'agent_not_active',
    id: suspended.json.error?.data?.['decision'],
  })
  await db.agent.update({ where: { id: agent.agentId }, data: { status: 'active' } })
  expect((await post(world, { token })).status).toBe(200)
  await db.run.update({ where: { id: agent.runId }, data: { state: 'succeeded' } })
  await world.broker.broker.keeper.refresh()
  expect((await post(world, { token })).json.error?.data?.['rule']).toBe('run_not_open')
  // Registered when the token was made, gone since.
  const { privateKey, kid } = await platformKey(db)
  const stray = await signed({ privateKey, kid, claims: { sub: 'nobody' }, broker: world.broker })
  expect((await post(world, { token: stray })).json.error?.data?.['rule']).toBe('agent_unknown')
  expect(await lastEvent(db, 'nobody')).toMatchObject({ event: 'mcp.caller_refused', rule: 'agent_unknown' })
})

test('two tokens of one agent and a token that was made just now work at once', async ({ db, world }) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern' })
  const tokens = await Promise.all([1, 2].map(() => sessionToken(db, world.broker.url, agent)))
  const answers = await Promise.all(tokens.flatMap((token) => [1, 2, 3].map(() => post(world, { token }))))
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
    expect((await post(world, { token: good, tool: 'none' })).status).toBe(200)
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
    const answer = await post(world, {})
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
    await Promise.all(Array.from({ length: 60 }, () => post(world, { token: 'flood' })))
    await until(async () => (await counted()).callers === before.callers + 60)
    expect((await counted()).rows - before.rows).toBeLessThanOrEqual(4)
  })
})

test("the server's credential reaches the server, and never an agent or the log", async ({ db, world }) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern' })
  const token = await sessionToken(db, world.broker.url, agent)
  const answer = await post(world, { token, tool: 'leak' })
  expect(answer.text).toContain('my credential is [redacted]')
  expect(answer.text).not.toContain(upstreamSecret)
  for (const upstream of Object.values(world.upstreams)) {
    expect([...upstream.authorizations]).toEqual([`Bearer ${upstreamSecret}`])
  }
  const rows = await db.auditEvent.findMany({ select: { detail: true, subjectName: true, rule: true } })
  expect(JSON.stringify(rows)).not.toContain(upstreamSecret)
  expect(await (await fetch(`${world.broker.url}/metrics`)).text()).not.toContain(upstreamSecret)
})

test('requests that are too large, not JSON, of a browser or to nowhere are refused', async ({ db, world }) => {
  const agent = await makeAgent(db)
  const token = await sessionToken(db, world.broker.url, agent)
  const large = await post(world, { token, body: ' '.repeat(4 * 1024 * 1024 + 1) })
  expect([large.status, large.json.error?.data?.['rule']]).toEqual([413, 'request_too_large'])
  expect((await post(world, { token, body: '{' })).json.error?.code).toBe(-32700)
  expect((await post(world, { token, headers: { origin: 'https://evil.test' } })).status).toBe(403)
  expect((await post(world, { token, headers: { 'content-type': 'text/plain' } })).status).toBe(415)
  const nowhere = await post(world, { token, serverId: 'nowhere' })
  expect([nowhere.status, nowhere.json.error?.data?.['rule']]).toEqual([404, 'server_unknown'])
  const unknown = await post(world, { token, tool: 'none' })
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
  const code = async (headers: Record<string, string>) => (await post(world, { token, body, headers })).json.error?.code
  expect((await post(world, { token, body, headers: right })).json.result?.['resultType']).toBe('complete')
  expect(await code({ ...right, 'mcp-name': 'wipe' })).toBe(-32020)
  expect(await code({ ...right, 'mcp-method': 'tools/list' })).toBe(-32020)
  expect(await code({ 'mcp-protocol-version': '2026-07-28', 'mcp-name': 'look' })).toBe(-32020)
})

test('says it is alive and ready, and counts calls by server, class and decision', async ({ world }) => {
  expect((await fetch(`${world.broker.url}/healthz`)).status).toBe(200)
  expect(await (await fetch(`${world.broker.url}/readyz`)).json()).toEqual({ status: 'ready', reasons: [] })
  const metrics = await (await fetch(`${world.broker.url}/metrics`)).text()
  expect(metrics).toMatch(
    /wheelhouse_broker_calls_total\{server="modern",class="write",decision="allow",outcome="ok"\} \d+/,
  )
  expect(metrics).toMatch(
    /wheelhouse_broker_calls_total\{server="legacy",class="destructive",decision="deny",outcome="grant_missing"\} \d+/,
  )
  expect(metrics).toMatch(/wheelhouse_broker_latency_seconds_count\{part="upstream"\} \d+/)
})

async function expectChallenge(world: World, token: string, rule: string): Promise<void> {
  const answer = await post(world, { token })
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
  broker: TestBroker
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

async function until(condition: () => Promise<boolean> | boolean, ms = 8000): Promise<void> {
  const deadline = Date.now() + ms
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('It did not become so in time.')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
