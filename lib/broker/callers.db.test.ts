import { expect } from 'vitest'
import { makeAgent, makeRun, sessionToken } from '#lib/dev/test/broker.ts'
import { brokerWorld, lastEvent, postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { platformKey, signed, tokenClaims } from '#lib/dev/test/forged-tokens.ts'
import { RawAgent } from './testing/raw-agent.ts'
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
  const claims = tokenClaims(world.broker.url, { sub: 'nobody' })
  const stray = await signed({ privateKey, claims, header: { kid } })
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

test('strangers are audited, a flood of them in a few rows that count them', async ({ db, world }) => {
  const where = { event: 'mcp.caller_refused', rule: 'token_invalid', actorKind: 'anonymous' }
  const counted = async () => {
    const rows = await db.auditEvent.findMany({ where, select: { detail: true } })
    return { rows: rows.length, callers: rows.reduce((sum, row) => sum + (row.detail as { count: number }).count, 0) }
  }
  await postCall(world, { token: 'stranger' })
  // On record before it is answered.
  expect(await counted()).toEqual({ rows: 1, callers: 1 })
  const began = performance.now()
  await Promise.all(Array.from({ length: 60 }, () => postCall(world, { token: 'flood' })))
  await until(async () => (await counted()).callers === 61)
  // The first of each second, and one row that counts the others of it.
  const seconds = Math.ceil((performance.now() - began) / 1000) + 1
  expect((await counted()).rows).toBeLessThanOrEqual(2 * (seconds + 1))
})

test('requests that are too large, not JSON, of a browser or to nowhere are refused', async ({ db, world }) => {
  const agent = await makeAgent(db)
  const token = await sessionToken(db, world.broker.url, agent)
  const large = await postCall(world, { token, body: ' '.repeat(4 * 1024 * 1024 + 1) })
  expect([large.status, large.json.error?.data?.['rule']]).toEqual([413, 'request_too_large'])
  const refused = async (options: Parameters<typeof postCall>[1]) => {
    const { status, json } = await postCall(world, { token, ...options })
    return [status, json.error?.code, json.error?.data?.['rule']]
  }
  expect(await refused({ body: '{' })).toEqual([400, -32700, 'json_invalid'])
  const text = { 'content-type': 'text/plain' }
  expect(await refused({ headers: text })).toEqual([415, -32000, 'content_type_unsupported'])
  const origin = 'https://evil.test'
  expect(await refused({ headers: { origin } })).toEqual([403, -32010, 'browser_origin'])
  const event = 'mcp.caller_refused'
  // On record before it is answered.
  expect(await db.auditEvent.findFirst({ where: { event, rule: 'browser_origin' } })).toMatchObject({
    decision: 'deny',
    actorKind: 'anonymous',
    subjectKind: 'address',
    detail: { count: 1 },
  })
  const nowhere = await postCall(world, { token, serverId: 'nowhere' })
  expect([nowhere.status, nowhere.json.error?.data?.['rule']]).toEqual([404, 'server_unknown'])
  const unknown = await postCall(world, { token, tool: 'none' })
  expect([unknown.json.error?.code, unknown.json.error?.data?.['rule']]).toEqual([-32602, 'tool_unknown'])
})

test('params that a method does not take are refused by a rule, with the code of JSON-RPC for them', async ({
  db,
  world,
}) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern' })
  const token = await sessionToken(db, world.broker.url, agent)
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const asked = async (path: string, method: string, params: object) => {
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method }
    const body = { id: 1, method, params: { _meta, ...params } }
    const { status, last } = await new RawAgent(world.broker.url + path, token).ask({ body, headers })
    return { method, status, code: last.error?.code, rule: last.error?.data?.rule }
  }
  for (const [path, method, params] of [
    ['/mcp/modern', 'tools/call', {}],
    ['/mcp/modern', 'tools/list', { cursor: 7 }],
    ['/mcp/modern', 'subscriptions/listen', {}],
    ['/mcp', 'prompts/list', { cursor: 7 }],
    ['/mcp', 'resources/read', {}],
  ] as const) {
    expect(await asked(path, method, params)).toEqual({ method, status: 200, code: -32602, rule: 'params_invalid' })
  }
  expect(await (await fetch(`${world.broker.url}/metrics`)).text()).toMatch(/rule="params_invalid"/)
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
  const refused = async (headers: Record<string, string>) => {
    const { error } = (await postCall(world, { token, body, headers })).json
    return [error?.code, error?.data?.['rule']]
  }
  expect((await postCall(world, { token, body, headers: right })).json.result?.['resultType']).toBe('complete')
  const mismatch = [-32020, 'header_mismatch']
  expect(await refused({ ...right, 'mcp-name': 'wipe' })).toEqual(mismatch)
  expect(await refused({ ...right, 'mcp-method': 'tools/list' })).toEqual(mismatch)
  expect(await refused({ 'mcp-protocol-version': '2026-07-28', 'mcp-name': 'look' })).toEqual(mismatch)
  const unknown = await postCall(world, { token, headers: { 'mcp-protocol-version': '1999-01-01' } })
  expect([unknown.status, unknown.json.error?.data?.['rule']]).toEqual([400, 'protocol_version_unsupported'])
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
