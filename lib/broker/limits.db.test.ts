import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, makeRun, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { agentSession, lastEvent, postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { explainDecision } from '#lib/guardrails/queries/explanation/decision.ts'
import { startSizedServer } from './testing/sized-server.ts'
import { startBroker } from './testing/start-broker.ts'

const limits = {
  agentCallsPerSecond: 2,
  serverCallsPerSecond: 3,
  resultBytesMax: 20_000,
  resultDepthMax: 16,
  streamFromBytes: 0,
}

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const { http, url } = await startSizedServer()
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  // A server for each test that counts calls: what one uses up of a server's limit, another must not miss.
  for (const id of ['modern', 'busy', 'shared']) await db.mcpServer.create({ data: { id, name: id, url, ...rest } })
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits })
  onCleanup(async () => {
    await broker.stop()
    http.close()
    http.closeAllConnections()
  })
  await until(async () => (await db.mcpTool.count()) === 9)
  return { broker }
})

test('to open streams counts as calling, in both revisions', async ({ db, world }) => {
  const open = async (token: string, init: RequestInit) => {
    const headers = { accept: 'application/json, text/event-stream', authorization: `Bearer ${token}` }
    const leave = new AbortController()
    const { signal } = leave
    const all = { ...init, signal, headers: { ...headers, ...(init.headers as Record<string, string>) } }
    const response = await fetch(`${world.broker.url}/mcp/modern`, all)
    const { status } = response
    const session = response.headers.get('mcp-session-id')
    const text = status === 200 ? '' : await response.text()
    leave.abort()
    return { status, text, session }
  }
  const untilRefused = async (token: string, init: RequestInit) => {
    // Eight at once, and two more each second.
    for (let i = 0; i < 40; i += 1) {
      const { status, text } = await open(token, init)
      if (status !== 200) return { status, text }
    }
    return null
  }
  const refusal = { status: 429, text: expect.stringContaining('may call 2 times a second') as string }
  const post = (body: object, headers = {}) => ({
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...body }),
  })
  const tokenOf = async () => {
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'read' })
    await world.broker.broker.keeper.refresh()
    return sessionToken(db, world.broker.url, agent)
  }
  const method = 'subscriptions/listen'
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const params = { notifications: { toolsListChanged: true }, _meta }
  const listen = post({ method, params }, { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method })
  expect(await untilRefused(await tokenOf(), listen)).toMatchObject(refusal)
  const list = post(
    { method: 'tools/list', params: { _meta } },
    { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' },
  )
  expect(await untilRefused(await tokenOf(), list)).toMatchObject(refusal)

  const token = await tokenOf()
  const begun = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
  const { session } = await open(token, post({ method: 'initialize', params: begun }))
  const headers = { 'mcp-session-id': session ?? '', 'mcp-protocol-version': '2025-11-25' }
  expect(await untilRefused(token, { method: 'GET', headers })).toMatchObject(refusal)
})

test('what is no call counts as one: what the protocol answers, and made-up names of sessions, which cost a key service one each', async ({
  db,
  world,
}) => {
  const untilRefused = async (init: () => { method: string; headers?: Record<string, string>; body?: string }) => {
    const agent = await makeAgent(db)
    await world.broker.broker.keeper.refresh()
    const authorization = `Bearer ${await sessionToken(db, world.broker.url, agent)}`
    const accept = 'application/json, text/event-stream'
    const statuses = new Set<number>()
    // Eight at once, and two more each second.
    for (let i = 0; i < 60; i += 1) {
      const { headers, ...rest } = init()
      const all = { authorization, accept, 'content-type': 'application/json', ...headers }
      const response = await fetch(`${world.broker.url}/mcp/modern`, { ...rest, headers: all })
      const text = await response.text()
      if (response.status === 429) return { before: [...statuses], text }
      statuses.add(response.status)
    }
    return null
  }
  const post = (body: object, headers: Record<string, string> = {}) => ({
    method: 'POST',
    headers,
    body: JSON.stringify({ jsonrpc: '2.0', ...body }),
  })
  const madeUp = () => ({ 'mcp-session-id': randomBytes(200).toString('base64url') })
  const text = expect.stringContaining('may call 2 times a second') as string
  const call = { id: 1, method: 'tools/call', params: { name: 'long', arguments: {} } }
  expect(await untilRefused(() => post({ id: 1, method: 'ping' }))).toEqual({ before: [200], text })
  expect(await untilRefused(() => post({ id: 1, method: 'no/such/method' }))).toMatchObject({ text })
  expect(await untilRefused(() => ({ method: 'PUT' }))).toMatchObject({ text })
  expect(await untilRefused(() => post(call, madeUp()))).toEqual({ before: [404], text })
  expect(await untilRefused(() => post({ id: 1, method: 'ping' }, madeUp()))).toEqual({ before: [404], text })
  expect(await untilRefused(() => ({ method: 'GET', headers: madeUp() }))).toEqual({ before: [404], text })
})

test('results that are too large or too deep stay here, by their rules, and the server counts as healthy', async ({
  db,
  world,
}) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'read' })
  const client = await agentSession(db, world, { agent })
  const ruleOf = async (name: string, count: number) => {
    const answer = await client.callTool({ name, arguments: { count } })
    return (answer._meta?.['wheelhouse/denial'] as { rule: string } | undefined)?.rule ?? 'allowed'
  }
  expect(await ruleOf('long', 10_000)).toBe('allowed')
  expect(await ruleOf('long', 30_000)).toBe('result_too_large')
  expect(await lastEvent(db, agent.agentId)).toMatchObject({ event: 'mcp.call_allowed', rule: 'result_too_large' })
  expect(await ruleOf('deep', 10)).toBe('allowed')
  expect(await ruleOf('deep', 20)).toBe('result_too_deep')
  expect(await lastEvent(db, agent.agentId)).toMatchObject({ event: 'mcp.call_allowed', rule: 'result_too_deep' })
  const metrics = await (await fetch(`${world.broker.url}/metrics`)).text()
  expect(metrics).toContain('wheelhouse_broker_upstream_state{server="modern"} 0')
  await client.close()
})

test('an agent that calls too often is told its usage and when to go on; another agent is not held up', async ({
  db,
  world,
}) => {
  const [busy, calm] = [await makeAgent(db), await makeAgent(db)]
  for (const { agentId } of [busy, calm]) await makeGrant(db, { agentId, serverId: 'busy', class: 'read' })
  const client = await agentSession(db, world, { agent: busy, serverId: 'busy' })
  const call = () => client.callTool({ name: 'long', arguments: { count: 1 } })
  const startedAt = performance.now()
  const answers = await Promise.all(Array.from({ length: 40 }, call))
  const refused = answers.filter((answer) => answer.isError)
  // As many as the time they took admits, however slow the machine is.
  const admitted = limits.agentCallsPerSecond * (4 + (performance.now() - startedAt) / 1000)
  expect(answers.length - refused.length).toBeLessThanOrEqual(Math.ceil(admitted))
  expect(refused.length).toBeGreaterThan(0)
  expect(refused[0]?._meta?.['wheelhouse/denial']).toMatchObject({
    rule: 'rate_limited',
    scope: 'agent',
    callsPerSecond: 2,
    burst: 8,
    used: expect.any(Number) as number,
    retryAfterMs: expect.any(Number) as number,
  })
  const rows = { agentId: busy.agentId, event: 'mcp.call_denied', rule: 'rate_limited' }
  const counted = async () => {
    const events = await db.auditEvent.findMany({ where: rows })
    return events.map(({ detail }) => (detail as { count?: number }).count ?? 1)
  }
  await until(async () => (await counted()).reduce((sum, count) => sum + count, 0) === refused.length)
  // Each second of them is two rows at most.
  const seconds = Math.ceil((performance.now() - startedAt) / 1000)
  expect((await counted()).length).toBeLessThanOrEqual(2 * seconds + 2)
  const other = await agentSession(db, world, { agent: calm, serverId: 'busy' })
  expect((await other.callTool({ name: 'long', arguments: { count: 1 } })).isError).toBeUndefined()
  await until(async () => !(await call()).isError)
  await Promise.all([client.close(), other.close()])
})

test('whoever calls what is not granted, or not there, is slowed as whoever may call it, on record to the last call', async ({
  db,
  world,
}) => {
  const agent = await makeAgent(db)
  const token = await sessionToken(db, world.broker.url, agent)
  await world.broker.broker.keeper.refresh()
  const ask = (serverId: string, tool: string) => postCall(world, { token, tool, serverId })
  const asked = Array.from({ length: 20 }, (_, i) => [ask('modern', 'long'), ask('modern', `no-${i}`)]).flat()
  const answers = (await Promise.all(asked)).map(({ text }) => /"rule":"(\w+)"/.exec(text)![1])
  expect(new Set(answers)).toEqual(new Set(['grant_missing', 'tool_unknown', 'rate_limited']))
  const recorded = async () => {
    const events = await db.auditEvent.findMany({ where: { agentId: agent.agentId, event: 'mcp.call_denied' } })
    return events.reduce((sum, { detail }) => sum + ((detail as { count?: number }).count ?? 1), 0)
  }
  await until(async () => (await recorded()) === asked.length)
  // It was refused before anything else was asked, and nobody is told that a grant covers it.
  const { id } = await db.auditEvent.findFirstOrThrow({ where: { agentId: agent.agentId, rule: 'rate_limited' } })
  const { step, steps } = await explainDecision(ctxFor(db), { id })
  expect(step).toBe('agent_rate')
  const at = steps.findIndex((each) => each.id === 'agent_rate')
  expect(steps.slice(0, at).map((each) => each.id)).toEqual(['request', 'stop', 'caller'])
  expect(steps.slice(at + 1).every(({ outcome }) => outcome === 'not_reached')).toBe(true)
})

test('one row of what several tools were refused says nothing of the first of them', async ({ db, world }) => {
  const agent = await makeAgent(db)
  const runs = [agent.runId, ...(await Promise.all(Array.from({ length: 4 }, () => makeRun(db, agent.agentId))))]
  const tokens = await Promise.all(runs.map((runId) => sessionToken(db, world.broker.url, { ...agent, runId })))
  await world.broker.broker.keeper.refresh()
  const where = { agentId: agent.agentId, event: 'mcp.call_denied', tool: 'several' }
  const several = () => db.auditEvent.findFirst({ where })
  // More kinds of calls at once than get rows of their own: all of tools that read.
  await until(async () => {
    const asked = tokens.flatMap((token) =>
      ['modern', 'busy', 'shared'].flatMap((serverId) =>
        ['long', 'deep', 'slow'].map((tool) => postCall(world, { token, tool, serverId })),
      ),
    )
    await Promise.all(asked)
    return (await several()) !== null
  })
  expect(await several()).toMatchObject({ rule: 'rate_limited', serverId: null, runId: null, detail: { class: null } })
})

test('many agents together call a server no more often than it may be called', async ({ db, world }) => {
  const agents = await Promise.all(Array.from({ length: 12 }, () => makeAgent(db)))
  for (const { agentId } of agents) await makeGrant(db, { agentId, serverId: 'shared', class: 'read' })
  const tokens = await Promise.all(agents.map((agent) => sessionToken(db, world.broker.url, agent)))
  await world.broker.broker.keeper.refresh()
  const startedAt = performance.now()
  const calls = tokens.flatMap((token) =>
    Array.from({ length: 6 }, () => postCall(world, { token, tool: 'long', serverId: 'shared', body: callBody })),
  )
  const scopes = (await Promise.all(calls)).map(({ json }) => {
    const meta = json.result?.['_meta'] as Record<string, { scope?: string } | undefined> | undefined
    return meta?.['wheelhouse/denial']?.scope ?? 'allowed'
  })
  const admitted = limits.serverCallsPerSecond * (4 + (performance.now() - startedAt) / 1000)
  expect(scopes.filter((scope) => scope === 'allowed').length).toBeLessThanOrEqual(Math.ceil(admitted))
  expect(scopes).toContain('server')
  expect(scopes).not.toContain('agent')
})

test('a request that is nested too deep is refused before anything looks at it', async ({ db, world }) => {
  const token = await sessionToken(db, world.broker.url, await makeAgent(db))
  const body = callBody.replace('1}', '['.repeat(50_000) + ']'.repeat(50_000) + '}')
  const answer = await postCall(world, { token, body })
  expect(answer.status).toBe(400)
  expect(answer.json.error?.data).toMatchObject({ rule: 'request_too_deep' })
})

const callBody = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: 'long', arguments: { count: 1 } },
})
