import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, expect } from 'vitest'
import { createTokenIssuer, revokeAgentCredentials } from '#lib/auth/commands/agent-tokens.ts'
import { revokeAgentToken } from '#lib/auth/commands/agent-token-revocation.ts'
import type { Db } from '#lib/db/client.ts'
import { makeAgent, portalUrl, secretBox } from '#lib/dev/test/broker.ts'
import { brokerWorld, lastEvent, postCall, type RpcBody, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { credentialToken } from '#lib/dev/test/forged-tokens.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { formType, systemCtx } from '#lib/dev/test/tokens.ts'
import { createHoldRule } from '#lib/guardrails/commands.ts'
import { createHoldRuleInput } from '#lib/guardrails/schema/held-calls.ts'
import { startBroker } from './testing/start-broker.ts'

// What a token began ends with it. Each is given a second and a little for the machine.
const soonMs = 2500

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const world = await brokerWorld({ db, databaseUrl, startBroker })
  onCleanup(world.stop)
  const security = await makePerson(db, { roles: ['security'] })
  const rule = { title: 'Changes wait', serverId: 'modern', toolName: 'change', deciderRoles: ['security'] }
  await createHoldRule(ctxFor(db, security), createHoldRuleInput.parse(rule))
  await until(() => world.broker.broker.keeper.view.holdRules.length === 1)
  return world
})
type World = { broker: { url: string; broker: { keeper: { refresh(): Promise<void> } } } }
type Credential = Awaited<ReturnType<typeof credentialToken>> & { agentId: string }

async function holder(db: Db, { broker }: World): Promise<Credential> {
  const { agentId } = await makeAgent(db)
  for (const serverId of ['modern', 'legacy']) await makeGrant(db, { agentId, serverId, class: 'write' })
  await broker.broker.keeper.refresh()
  return { agentId, ...(await credentialToken(db, { brokerUrl: broker.url, agentId })) }
}

const revocations: Record<string, (db: Db, brokerUrl: string, credential: Credential) => Promise<unknown>> = {
  token: (db, brokerUrl, { token, clientId, clientSecret }) => {
    const issuer = createTokenIssuer({ url: portalUrl, brokerUrl, secretBox })
    const body = new URLSearchParams({ client_id: clientId, client_secret: clientSecret, token }).toString()
    return revokeAgentToken(systemCtx(db), { issuer, authorization: null, contentType: formType, body })
  },
  credential: (db, _, { agentId, clientId }) => revokeAgentCredentials(systemCtx(db), { agentId, clientId }),
}

describe.each(Object.entries(revocations))('when its %s is revoked', (_, revoke) => {
  test('a call under way ends, and its upstream is told', async ({ db, world }) => {
    const credential = await holder(db, world)
    const { modern } = world.upstreams
    const before = modern.cancelled
    const began = modern.slowBegan()
    const answer = postCall(world, { token: credential.token, tool: 'slow' })
    await began
    await revoke(db, world.broker.url, credential)
    await until(() => modern.cancelled === before + 1, soonMs)
    expect((await answer).text).toContain('"rule":"token_revoked"')
    expect(await lastEvent(db, credential.agentId, 'mcp.call_allowed')).toMatchObject({ rule: 'token_revoked' })
    // Its one record says it: nothing is said to be withheld besides.
    const { agentId } = credential
    expect(await db.auditEvent.count({ where: { agentId, event: 'mcp.result_passed' } })).toBe(0)
  })

  test('a held call ends, and no approval releases it', async ({ db, world }) => {
    const credential = await holder(db, world)
    const answer = postCall(world, { token: credential.token, tool: 'change' })
    const state = async () => (await db.heldCall.findFirst({ where: { agentId: credential.agentId } }))?.state
    await until(async () => (await state()) === 'waiting')
    await revoke(db, world.broker.url, credential)
    await until(async () => (await state()) === 'cancelled', soonMs)
    expect((await answer).text).toContain('"rule":"token_revoked"')
    expect(world.upstreams.modern.calls.map(({ tool }) => tool)).not.toContain('change')
  })

  test('its streams of both revisions end', async ({ db, world }) => {
    const credential = await holder(db, world)
    const streams = [await listenTo(world, credential.token), await sessionStream(world, credential.token)]
    let ended = 0
    for (const stream of streams) void stream.text().then(() => (ended += 1))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(ended).toBe(0)
    await revoke(db, world.broker.url, credential)
    await until(() => ended === 2, soonMs)
  })

  test('a request whose body comes afterwards is refused', async ({ db, world }) => {
    const credential = await holder(db, world)
    const { token } = credential
    const request = httpRequest(`${world.broker.url}/mcp/modern`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${token}`,
      },
    })
    request.write('{"jsonrpc":"2.0","id":1,')
    // Long enough to be admitted.
    await new Promise((resolve) => setTimeout(resolve, 300))
    await revoke(db, world.broker.url, credential)
    await until(async () => (await postCall(world, { token })).status === 401, soonMs)
    const answered = once(request, 'response') as Promise<[IncomingMessage]>
    request.end('"method":"tools/list","params":{}}')
    const [response] = await answered
    const { error } = JSON.parse(await text(response)) as RpcBody
    expect([response.statusCode, error?.data?.['rule']]).toEqual([401, 'token_revoked'])
    expect(response.headers['www-authenticate']).toContain('error="invalid_token"')
  })
})

test('a revoked token that comes again and again is counted, not recorded each time', async ({ db, world }) => {
  const credential = await holder(db, world)
  await revocations['token']!(db, world.broker.url, credential)
  const call = () => postCall(world, { token: credential.token })
  await until(async () => (await call()).status === 401, soonMs)
  const answers = await Promise.all(Array.from({ length: 200 }, call))
  const where = { agentId: credential.agentId, event: 'mcp.caller_refused', rule: 'token_revoked' }
  const counted = async () => {
    const rows = await db.auditEvent.findMany({ where })
    return { rows, count: rows.reduce((sum, { detail }) => sum + (detail as { count: number }).count, 0) }
  }
  await until(async () => (await counted()).count === 201)
  const { rows } = await counted()
  // Two a second; the machine may be slow.
  expect(rows.length).toBeLessThan(20)
  const ids = new Set(rows.map(({ id }) => id))
  expect(answers.map(({ json }) => ids.has(String(json.error?.data?.['decision'])))).not.toContain(false)
})

function send({ broker }: World, serverId: string, token: string, init: RequestInit): Promise<Response> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    authorization: `Bearer ${token}`,
    ...(init.headers as Record<string, string>),
  }
  return fetch(`${broker.url}/mcp/${serverId}`, { ...init, headers })
}

/** `subscriptions/listen` of 2026-07-28. */
async function listenTo(world: World, token: string): Promise<Response> {
  const method = 'subscriptions/listen'
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const params = { notifications: { toolsListChanged: true }, _meta: meta }
  const response = await send(world, 'modern', token, {
    method: 'POST',
    headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  return response
}

/** The stream of a session before it. */
async function sessionStream(world: World, token: string): Promise<Response> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
  const begun = await send(world, 'legacy', token, {
    method: 'POST',
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
  })
  await begun.text()
  const session = begun.headers.get('mcp-session-id') ?? ''
  const headers = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }
  const response = await send(world, 'legacy', token, { method: 'GET', headers })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  return response
}
