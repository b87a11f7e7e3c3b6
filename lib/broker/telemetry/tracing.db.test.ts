import { expect } from 'vitest'
import { makeAgent, sessionToken, type TestAgent, upstreamSecret } from '#lib/dev/test/broker.ts'
import { agentSession, brokerWorld, lastEvent, postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { startOtlpReceiver } from '#lib/dev/test/otlp-receiver.ts'
import { makeGrant, makeServer } from '#lib/dev/test/registry.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { createHoldRule, decideHeldCall } from '#lib/guardrails/commands.ts'
import { createHoldRuleInput } from '#lib/guardrails/schema/held-calls.ts'
import { modernCall, RawAgent } from '../testing/raw-agent.ts'
import { startLibraries } from '../testing/libraries.ts'
import { startBroker } from '../testing/start-broker.ts'
import { startTracing } from './tracing.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const parentId = '00f067aa0ba902b7'
const traceparent = `00-${traceId}-${parentId}-01`

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const receiver = await startOtlpReceiver()
  const tracing = startTracing({
    endpoint: receiver.url,
    headers: { authorization: 'Bearer of-the-collector' },
    share: 1,
    instance: 'test:1',
  })
  const traced = await brokerWorld({
    db,
    databaseUrl,
    startBroker: (options) => startBroker({ ...options, tracer: tracing }),
  })
  onCleanup(async () => {
    await traced.stop()
    await tracing.stop()
    await receiver.stop()
  })
  return { ...traced, receiver }
})

function callBody(tool: string, meta: object = {}, args: object = {}) {
  return JSON.stringify({
    jsonrpc: '2.0',
    id: 'call-1',
    method: 'tools/call',
    params: { name: tool, arguments: args, _meta: meta },
  })
}

test('a call is one trace from the agent to the server, its audit row included, and holds no secret', async ({
  db,
  world,
}) => {
  const { receiver } = world
  const agent = await makeAgent(db, { tier: 'high' })
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'write' })
  const token = await sessionToken(db, world.broker.url, agent)
  const body = callBody('change', { traceparent, tracestate: 'vendor=1' }, { word: 'a private argument' })
  expect((await postCall(world, { token, body })).status).toBe(200)

  const ofTrace = () => receiver.spans.filter((span) => span.traceId === traceId)
  await until(() => ofTrace().length >= 6)
  const spans = ofTrace()
  const request = spans.find((span) => span.kind === 2)!
  expect(request).toMatchObject({
    name: 'tools/call change',
    parentSpanId: parentId,
    service: 'wheelhouse-broker',
    status: 0,
    attributes: {
      'mcp.method.name': 'tools/call',
      'gen_ai.tool.name': 'change',
      'gen_ai.operation.name': 'execute_tool',
      'jsonrpc.request.id': 'call-1',
      'network.transport': 'tcp',
      'wheelhouse.agent.id': agent.agentId,
      'wheelhouse.agent.class': 'high',
      'wheelhouse.server.id': 'modern',
      'wheelhouse.decision': 'allow',
    },
  })
  const inside = spans.filter((span) => span.parentSpanId === request.spanId)
  // The audit log is written twice: the intent of a change, and its end.
  expect(inside.map((span) => span.name).toSorted()).toEqual(['audit', 'audit', 'auth', 'decide', 'tools/call change'])
  for (const span of inside) expect(span.milliseconds).toBeLessThanOrEqual(request.milliseconds + 1)
  const exchange = inside.find((span) => span.kind === 3)!
  expect(exchange.attributes).toMatchObject({
    'gen_ai.tool.name': 'change',
    'server.address': '127.0.0.1',
    'server.port': Number(new URL(world.upstreams.modern.url).port),
  })

  // What the server got hangs below that exchange, in header and message alike.
  const passed = `00-${traceId}-${exchange.spanId}-01`
  expect(world.upstreams.modern.traceparents).toEqual({ headers: [passed], meta: [passed] })
  expect(await lastEvent(db, agent.agentId)).toMatchObject({ event: 'mcp.call_allowed', detail: { traceId } })
  expect(await lastEvent(db, agent.agentId, 'mcp.call_intended')).toMatchObject({ detail: { traceId } })

  const sent = receiver.bodies.join('\n')
  for (const secret of [token, upstreamSecret, 'a private argument', 'changed a private'])
    expect(sent).not.toContain(secret)
  expect([...receiver.authorizations]).toEqual(['Bearer of-the-collector'])
})

test('a refused call is a span that failed with its rule, and what a caller makes up names no span', async ({
  db,
  world,
}) => {
  const { receiver } = world
  const agent = await makeAgent(db)
  const token = await sessionToken(db, world.broker.url, agent)
  for (const tool of ['wipe', 'made-up']) await postCall(world, { token, body: callBody(tool) })
  const own = () =>
    receiver.spans.filter((span) => span.kind === 2 && span.attributes['wheelhouse.agent.id'] === agent.agentId)
  await until(() => own().length === 2)
  expect(own().map(({ name, status, attributes }) => [name, status, attributes['error.type']])).toEqual([
    ['tools/call wipe', 2, 'grant_missing'],
    ['tools/call', 2, 'tool_unknown'],
  ])
  expect(receiver.bodies.join('\n')).not.toContain('made-up')
  // Without a caller's context a trace of the broker's own begins, and the audit row names it.
  expect(await lastEvent(db, agent.agentId)).toMatchObject({ detail: { traceId: own()[1]!.traceId } })
})

test('a trace its caller does not keep is not sent, and is still passed on', async ({ db, world }) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'legacy' })
  const token = await sessionToken(db, world.broker.url, agent)
  const other = 'f'.repeat(32)
  const body = callBody('look')
  const headers = { traceparent: `00-${other}-${parentId}-00` }
  expect((await postCall(world, { token, body, headers, serverId: 'legacy' })).status).toBe(200)
  expect(world.upstreams.legacy.traceparents.headers).toEqual([expect.stringMatching(`^00-${other}-[0-9a-f]{16}-00$`)])
  // A kept one after it is there: so that one would be, too.
  const client = await agentSession(db, world, { agent, serverId: 'legacy', era: 'legacy' })
  await client.listTools()
  await until(() =>
    world.receiver.spans.some(
      (span) => span.name === 'tools/list' && span.attributes['wheelhouse.agent.id'] === agent.agentId,
    ),
  )
  expect(world.receiver.spans.filter((span) => span.traceId === other)).toEqual([])
  await client.close()
})

test('a call to a server without an address is traced as any other, and ends', async ({ db, world }) => {
  const command = { command: 'node', args: [], env: [] }
  await makeServer(db, { id: 'program', url: '', transport: 'stdio', command, tools: { turn: 'write' } })
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'program', class: 'write' })
  const token = await sessionToken(db, world.broker.url, agent)
  await world.broker.broker.keeper.refresh()
  // This installation runs no programs, which is what the refusal says.
  const { status, text } = await postCall(world, { token, serverId: 'program', body: callBody('turn') })
  expect({ status, text }).toEqual({ status: 200, text: expect.stringContaining('upstream_unavailable') as string })
  expect(await lastEvent(db, agent.agentId)).toMatchObject({ event: 'mcp.call_allowed', rule: 'upstream_unavailable' })
  const exchange = () =>
    world.receiver.spans.find((span) => span.kind === 3 && span.attributes['wheelhouse.server.id'] === 'program')
  await until(() => exchange() !== undefined)
  expect(exchange()!.attributes).not.toHaveProperty('server.address')
})

test('a prompt names its spans once the server has answered with it', async ({ db, world }) => {
  const libraries = await startLibraries(db)
  try {
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId: 'west', toolName: 'method:prompts' })
    await world.broker.broker.keeper.refresh()
    const client = await agentSession(db, world, { agent, serverId: 'west', era: 'legacy' })
    await client.getPrompt({ name: 'bye' })
    await expect(client.getPrompt({ name: 'made up by its caller' })).rejects.toThrow()
    const named = () =>
      world.receiver.spans.filter((span) => span.attributes['mcp.method.name'] === 'prompts/get' && span.kind !== 1)
    await until(() => named().length === 4)
    const told = named().map(
      ({ kind, name, attributes }) => `${kind} ${name} (${String(attributes['gen_ai.prompt.name'])})`,
    )
    expect(told.toSorted()).toEqual([
      '2 prompts/get (undefined)',
      '2 prompts/get bye (bye)',
      '3 prompts/get (undefined)',
      '3 prompts/get bye (bye)',
    ])
    expect(world.receiver.bodies.join('\n')).not.toContain('made up by its caller')
    await client.close()
  } finally {
    libraries.stop()
  }
})

test('a call that a person released shows how long it was held', async ({ db, world }) => {
  const security = await makePerson(db, { roles: ['security'] })
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'legacy', class: 'write' })
  const rule = { title: 'Changes wait', serverId: 'legacy', toolName: 'change', deciderRoles: ['security'] }
  await createHoldRule(ctxFor(db, security), createHoldRuleInput.parse(rule))
  await until(() => world.broker.broker.keeper.view.holdRules.length === 1)
  const token = await sessionToken(db, world.broker.url, agent)
  const answer = postCall(world, { token, serverId: 'legacy', body: callBody('change') })
  const waiting = () => db.heldCall.findFirst({ where: { agentId: agent.agentId, state: 'waiting' } })
  await until(async () => (await waiting()) !== null)
  await decideHeldCall(ctxFor(db, security), { heldCallId: (await waiting())!.id, decision: 'approve' })
  expect((await answer).status).toBe(200)
  const parts = () => partsOf(world, agent, 'tools/call change')
  await until(() => parts().includes('hold'))
  expect(parts()).toEqual(['audit', 'audit', 'auth', 'decide', 'hold', 'tools/call change'])
})

test('that a call is counted under the rate of its grant is a part of its decision', async ({ db, world }) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', rateCalls: 9, ratePer: 'hour' })
  await world.broker.broker.keeper.refresh()
  const token = await sessionToken(db, world.broker.url, agent)
  expect((await postCall(world, { token, body: callBody('look') })).status).toBe(200)
  const parts = () => partsOf(world, agent, 'tools/call look')
  await until(() => parts().length > 0)
  expect(parts()).toEqual(['audit', 'auth', 'decide', 'decide', 'tools/call look'])
})

test('what is no call has its span and its time as well: handshakes, streams, answers and the end of a session', async ({
  db,
  world,
}) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'legacy', toolName: null })
  await world.broker.broker.keeper.refresh()
  const raw = new RawAgent(`${world.broker.url}/mcp/legacy`, await sessionToken(db, world.broker.url, agent))
  const headers = await raw.begin()
  const leaving = new AbortController()
  await raw.send({ method: 'GET', headers, signal: leaving.signal })
  await raw.ask({ body: { id: 'nobody-asked', result: {} }, headers })
  leaving.abort()
  await raw.ask({ method: 'DELETE', headers })
  const { body, headers: modern } = modernCall('', { more: { notifications: {} } })
  for (const method of ['server/discover', 'subscriptions/listen'])
    await raw.ask({ body: { ...body, method }, headers: { ...modern, 'mcp-method': method } })
  const names = ['initialize', 'GET', 'response', 'DELETE', 'server/discover', 'subscriptions/listen']
  await until(() => names.every((name) => ofAgent(world, agent).some((span) => span.name === name)))
  const about = { 'wheelhouse.server.id': 'legacy', 'wheelhouse.agent.class': 'medium' }
  for (const name of names)
    expect(ofAgent(world, agent).find((span) => span.name === name)!.attributes).toMatchObject(about)
  // Nothing waited for that answer, which its span says.
  const refused = ofAgent(world, agent).find(({ name }) => name === 'response')
  expect(refused).toMatchObject({ status: 2, attributes: { 'error.type': '400' } })
  const metrics = await (await fetch(`${world.broker.url}/metrics`)).text()
  for (const name of names)
    expect(metrics).toContain(`latency_seconds_count{part="total",server="legacy",tool="${name}",agent_class="medium"}`)
})

type Receiver = { receiver: Awaited<ReturnType<typeof startOtlpReceiver>> }

/** The requests of an agent. */
function ofAgent({ receiver }: Receiver, agent: TestAgent) {
  return receiver.spans.filter((span) => span.kind === 2 && span.attributes['wheelhouse.agent.id'] === agent.agentId)
}

/** What its request of this name was made of, when it is here: all of a request is sent at once. */
function partsOf(world: Receiver, agent: TestAgent, name: string): string[] {
  const request = ofAgent(world, agent).find((span) => span.name === name)
  const inside = world.receiver.spans.filter(({ parentSpanId }) => request && parentSpanId === request.spanId)
  return inside.map((span) => span.name).toSorted()
}
