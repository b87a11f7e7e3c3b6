import { describe, expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken, upstreamSecret } from '#lib/dev/test/broker.ts'
import { agentSession, brokerWorld, lastEvent, postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { explainDecision } from '#lib/guardrails/queries/explanation/decision.ts'
import { startBroker } from './testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const world = await brokerWorld({ db, databaseUrl, startBroker })
  onCleanup(world.stop)
  return world
})

const pairs = (['modern', 'legacy'] as const).flatMap((agentEra) =>
  (['modern', 'legacy'] as const).map((serverId) => [agentEra, serverId] as const),
)

describe.each(pairs)('an agent of the %s era, a server of the %s era', (era, serverId) => {
  test('sees and calls what it is granted, and the record is there before the answer', async ({ db, world }) => {
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId, class: 'write' })
    const client = await agentSession(db, world, { agent, serverId, era })
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
    const client = await agentSession(db, world, { agent, serverId, era })
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
    expect(JSON.stringify(answer.content)).toMatch(/grant_missing.*Request the scope.*\/explain\//)
    // The same object in the answer, the audit log and for whoever asks for the decision.
    const facts = { toolClass: 'destructive', grantsOnServer: 1, classesHeld: 'read' }
    expect(row?.detail).toMatchObject({ step: 'grant', facts })
    expect(answer._meta?.['wheelhouse/denial']).toEqual({
      rule: 'grant_missing',
      title: 'Only what is granted',
      step: 'grant',
      facts,
      usage: null,
      setBy: { text: expect.any(String) },
      changedBy: { roles: ['security'] },
      remedy: 'Request the scope in the portal.',
      decision: row?.id,
      link: `${portalUrl}/explain/${row?.id}`,
    })
    const explained = await explainDecision(ctxFor(db), { id: row!.id })
    const told = Object.entries(answer._meta?.['wheelhouse/denial'] ?? {}).filter(([name]) => name !== 'link')
    expect(explained).toMatchObject(Object.fromEntries(told))
    expect(world.upstreams[serverId].calls.length).toBe(before)
    await client.close()
  })

  test('an order to stop ends the call that is under way at once, at the server too', async ({ db, world }) => {
    const upstream = world.upstreams[serverId]
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId })
    const client = await agentSession(db, world, { agent, serverId, era })
    const began = upstream.slowBegan()
    const cancelled = upstream.cancelled
    const answer = client.callTool({ name: 'slow', arguments: {} })
    await began
    const orderedAt = Date.now()
    const order = await db.stopOrder.create({
      data: { scope: 'agent', targetId: agent.agentId, reason: 'odd calls', orderedByName: 'Ola' },
    })
    expect(await answer).toMatchObject({ isError: true, _meta: { 'wheelhouse/denial': { rule: 'killed' } } })
    // Milliseconds when idle; the machine of a test may be very busy.
    expect(Date.now() - orderedAt).toBeLessThan(10_000)
    await until(() => upstream.cancelled > cancelled)
    const row = await lastEvent(db, agent.agentId, 'mcp.call_allowed')
    expect(row).toMatchObject({
      rule: 'killed',
      detail: { outcome: 'aborted', sent: true, step: 'stop', facts: { stop: order.id, orderedBy: 'Ola' } },
    })
    // It was let through and had left: nobody is told that it was refused before that.
    const explained = await explainDecision(ctxFor(db), { id: row!.id })
    expect(explained).toMatchObject({
      outcome: 'ended',
      rule: 'killed',
      setBy: { by: { name: 'Ola' }, reason: 'odd calls' },
    })
    expect(explained.steps.slice(0, -1).every(({ outcome }) => outcome === 'passed')).toBe(true)
    expect(explained.steps.at(-1)).toMatchObject({
      id: 'delivery',
      outcome: 'broken_off',
      note: expect.stringContaining('may have carried it out'),
    })
    await until(async () => (await db.stopAck.count({ where: { orderId: order.id } })) === 1)
    const ack = await db.stopAck.findFirstOrThrow({ where: { orderId: order.id } })
    expect(ack).toMatchObject({ process: 'broker', detail: { callsAborted: 1 } })
    // Nothing goes any more, and the session's own requests are refused as well.
    const refused = client.callTool({ name: 'look', arguments: {} })
    await expect(refused).rejects.toMatchObject({ errorDescription: expect.stringMatching(/^killed: .*in force/) })
    await client.close()
  })

  test('a call that its agent cancels is cancelled at the server too, and another of the same id is not', async ({
    db,
    world,
  }) => {
    const upstream = world.upstreams[serverId]
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId, class: 'read' })
    const [one, other] = [
      await agentSession(db, world, { agent, serverId, era }),
      await agentSession(db, world, { agent, serverId, era }),
    ]
    const cancelled = upstream.cancelled
    const ending = [new AbortController(), new AbortController()] as const
    const began = upstream.slowBegan()
    const first = one.callTool({ name: 'slow', arguments: {} }, { signal: ending[0].signal }).catch(() => 'cancelled')
    await began
    const again = upstream.slowBegan()
    const second = other
      .callTool({ name: 'slow', arguments: {} }, { signal: ending[1].signal })
      .catch(() => 'cancelled')
    await again
    ending[0].abort()
    expect(await first).toBe('cancelled')
    await until(() => upstream.cancelled === cancelled + 1)
    await until(async () => (await lastEvent(db, agent.agentId, 'mcp.call_allowed')) !== null)
    expect(await lastEvent(db, agent.agentId)).toMatchObject({ tool: 'slow', detail: { outcome: 'aborted' } })
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(upstream.cancelled).toBe(cancelled + 1)
    ending[1].abort()
    expect(await second).toBe('cancelled')
    await until(() => upstream.cancelled === cancelled + 2)
    await Promise.all([one.close(), other.close()])
  })
})

test('what is refused by a class of facts: stopped server or tool, quarantined tool, expired grant, disabled server', async ({
  db,
  world,
}) => {
  const agent = await makeAgent(db)
  const grantId = await makeGrant(db, { agentId: agent.agentId, serverId: 'modern' })
  const client = await agentSession(db, world, { agent })
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

test("the server's credential reaches the server, and never an agent or the log", async ({ db, world }) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern' })
  const token = await sessionToken(db, world.broker.url, agent)
  await world.broker.broker.keeper.refresh()
  const answer = await postCall(world, { token, tool: 'leak' })
  expect(answer.text).toContain('my credential is [redacted]')
  expect(answer.text).not.toContain(upstreamSecret)
  for (const upstream of Object.values(world.upstreams)) {
    expect([...upstream.authorizations]).toEqual([`Bearer ${upstreamSecret}`])
  }
  const rows = await db.auditEvent.findMany({ select: { detail: true, subjectName: true, rule: true } })
  expect(JSON.stringify(rows)).not.toContain(upstreamSecret)
  expect(await (await fetch(`${world.broker.url}/metrics`)).text()).not.toContain(upstreamSecret)
})

test('shows metrics to this machine or for a token, and not to whoever comes through a proxy', async ({
  db,
  databaseUrl,
  world,
}) => {
  const status = async (url: string, headers: Record<string, string> = {}) =>
    (await fetch(`${url}/metrics`, { headers })).status
  expect(await status(world.broker.url)).toBe(200)
  expect(await status(world.broker.url, { 'x-forwarded-for': '127.0.0.1' })).toBe(403)
  const metricsToken = 'who-reads-the-metrics'
  const other = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, metricsToken })
  expect(await status(other.url)).toBe(401)
  expect(await status(other.url, { authorization: `Bearer ${metricsToken}`, 'x-forwarded-for': '10.0.0.1' })).toBe(200)
  await other.stop()
})

test('says it is alive and ready, and counts calls by server, tool and class of agent, with where their time went', async ({
  db,
  world,
}) => {
  expect((await fetch(`${world.broker.url}/healthz`)).status).toBe(200)
  expect(await (await fetch(`${world.broker.url}/readyz`)).json()).toEqual({ status: 'ready', reasons: [] })
  const agent = await makeAgent(db, { tier: 'high' })
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'write' })
  const token = await sessionToken(db, world.broker.url, agent)
  await world.broker.broker.keeper.refresh()
  for (const tool of ['change', 'wipe', 'made-up']) await postCall(world, { token, tool })
  const metrics = await (await fetch(`${world.broker.url}/metrics`)).text()
  const lines = [
    'calls_total{server="modern",tool="change",class="write",agent_class="high",decision="allow",outcome="ok"} 1',
    'calls_total{server="modern",tool="wipe",class="destructive",agent_class="high",decision="deny",outcome="grant_missing"} 1',
    // What callers make up is counted and never named.
    'calls_total{server="modern",tool="",class="unknown",agent_class="high",decision="deny",outcome="tool_unknown"} 1',
    ...['auth', 'decide', 'upstream', 'audit', 'total'].map(
      (part) => `latency_seconds_count{part="${part}",server="modern",tool="change",agent_class="high"} 1`,
    ),
  ]
  for (const line of lines) expect(metrics).toContain(`wheelhouse_broker_${line}`)
  expect(metrics).not.toContain('made-up')
})

test('without a collector a trace is passed on as it came, and the audit row names it', async ({ db, world }) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern' })
  const token = await sessionToken(db, world.broker.url, agent)
  await world.broker.broker.keeper.refresh()
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
  const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
  await postCall(world, { token, headers: { traceparent } })
  expect(world.upstreams.modern.traceparents).toMatchObject({ headers: [traceparent] })
  expect(world.upstreams.modern.traceparents.meta.at(-1)).toBe(traceparent)
  expect(await lastEvent(db, agent.agentId)).toMatchObject({ detail: { traceId } })
})
