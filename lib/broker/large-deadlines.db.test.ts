import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { type Asked, megabyte, startLargeServer, startLargeSessionServer } from './testing/large-server.ts'
import { modernCall, RawAgent } from './testing/raw-agent.ts'
import { startBroker } from './testing/start-broker.ts'
import type { Era } from './wire.ts'

const limits = { callDeadlineMs: 4000, answerReadMs: 4000 }
const capabilities = { elicitation: {} }

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const servers = { modern: await startLargeServer(), legacy: await startLargeSessionServer() }
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  const agent = await makeAgent(db)
  for (const [id, { url }] of Object.entries(servers)) {
    await db.mcpServer.create({ data: { id, name: id, url, ...about } })
    for (const toolName of [null, 'method:elicitation/create'])
      await makeGrant(db, { agentId: agent.agentId, serverId: id, toolName })
  }
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits })
  onCleanup(async () => {
    broker.broker.abort()
    await broker.stop()
    for (const { http } of Object.values(servers)) {
      http.close()
      http.closeAllConnections()
    }
  })
  await until(async () => (await db.mcpTool.count({ where: { state: 'approved' } })) === 2)
  await broker.broker.keeper.refresh()
  const token = await sessionToken(db, broker.url, agent)
  const learned = { modern: servers.modern.learned, legacy: servers.legacy.learned }
  return { url: broker.url, token, learned, agentId: agent.agentId }
})

type World = { url: string; token: string }
type How = { era: Era; server: Era; asked: Asked }

/** Calls the tool, answers what it asks, and gives the large result to be read as it comes. */
async function call(world: World, { era, server, asked }: How, signal?: AbortSignal) {
  const url = `${world.url}/mcp/${server}`
  const raw = new RawAgent(url, world.token)
  const first = modernCall('large', { capabilities, more: { arguments: asked } })
  let sent: { body: object; headers: Record<string, string> } = first
  if (era === 'legacy') {
    const body = { id: 'mine', method: 'tools/call', params: { name: 'large', arguments: asked } }
    sent = { body, headers: await raw.begin() }
  } else if (asked.asks) {
    const { result } = (await raw.ask(first)).last
    const { requestState, inputRequests = {} } = result as { requestState: string; inputRequests?: object }
    const inputResponses = { [Object.keys(inputRequests)[0]!]: { action: 'accept', content: {} } }
    sent = modernCall('large', { capabilities, more: { arguments: asked, requestState, inputResponses } })
  }
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${world.token}`,
      ...sent.headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...sent.body }),
    ...(signal ? { signal } : {}),
  })
  const cancel = () =>
    raw.ask({ body: { method: 'notifications/cancelled', params: { requestId: 'mine' } }, headers: sent.headers })
  return { reader: response.body!.getReader(), cancel }
}

async function passed(db: Db, agentId: string) {
  return await db.auditEvent.findFirst({ where: { agentId, event: 'mcp.result_passed' }, orderBy: { seq: 'desc' } })
}

test.for([
  ['modern', false],
  ['legacy', false],
  ['legacy', true],
] as const)(
  'a result that its agent reads slowly comes to its end, long after the deadline of a call (server %s, which asks: %s)',
  async ([server, asks], { db, world }) => {
    const { reader } = await call(world, { era: 'modern', server, asked: { shape: 'events', megabytes: 60, asks } })
    const slowUntil = performance.now() + 2.5 * limits.callDeadlineMs
    let bytes = 0
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      bytes += part.value.length
      if (performance.now() < slowUntil) await new Promise((resolve) => setTimeout(resolve, 25))
    }
    expect(bytes).toBeGreaterThan(60 * megabyte)
    expect(performance.now()).toBeGreaterThan(slowUntil)
    expect((await passed(db, world.agentId))?.detail).toMatchObject({ outcome: 'ok' })
    // And what it took is on the side of the exchange with the server.
    const series = `latency_seconds_sum{part="upstream",server="${server}",tool="large",agent_class="medium"}`
    const spent = async () => (await (await fetch(`${world.url}/metrics`)).text()).split(`${series} `)[1]
    await until(async () => Number.parseFloat((await spent()) ?? '0') * 1000 > 2 * limits.callDeadlineMs)
  },
)

test('an agent that reads on no more ends its call, and is named as who ended it', async ({ db, world }) => {
  const { reader } = await call(world, {
    era: 'modern',
    server: 'modern',
    asked: { shape: 'json', megabytes: 100 },
  })
  const before = (await passed(db, world.agentId))?.seq
  await reader.read()
  await until(async () => (await passed(db, world.agentId))?.seq !== before)
  const row = await passed(db, world.agentId)
  expect(row).toMatchObject({
    rule: null,
    detail: { outcome: 'aborted', reason: 'Its agent did not read on in time.' },
  })
  await reader.cancel().catch(() => {})
})

test('a server that says no more in the middle of a large result has as long as a call', async ({ db, world }) => {
  const asked = { shape: 'json', megabytes: 4, end: 'stall' } as const
  const { reader } = await call(world, { era: 'modern', server: 'modern', asked })
  const read = async () => {
    for (let part = await reader.read(); !part.done; part = await reader.read());
  }
  await expect(read()).rejects.toThrow()
  const about = { rule: 'upstream_deadline', detail: { outcome: 'upstream_error' } }
  expect(await passed(db, world.agentId)).toMatchObject(about)
})

test.for([
  ['modern', 'modern', false],
  ['modern', 'legacy', false],
  ['modern', 'legacy', true],
  ['legacy', 'modern', false],
  ['legacy', 'legacy', false],
] as const)(
  'a result of 100 MB that its agent (%s) takes back in the middle ends at its server (%s, which asks: %s)',
  async ([era, server, asks], { db, world }) => {
    const learned = world.learned[server]
    const seq = (await passed(db, world.agentId))?.seq
    const before = { closed: learned.closed, cancelled: learned.cancelled.length }
    const leaving = new AbortController()
    const asked = { shape: 'events', megabytes: 100, asks } as const
    const { reader, cancel } = await call(world, { era, server, asked }, leaving.signal)
    await reader.read()
    if (era === 'legacy') await cancel()
    else leaving.abort()
    await until(() => learned.closed > before.closed)
    if (server === 'legacy') await until(() => learned.cancelled.length > before.cancelled)
    await until(async () => (await passed(db, world.agentId))?.seq !== seq)
    expect(await passed(db, world.agentId)).toMatchObject({ rule: null, detail: { outcome: 'aborted' } })
    await reader.cancel().catch(() => {})
  },
)

test.for(['modern', 'legacy'] as const)(
  'an agent of a session that is gone in the middle of a large result is on record as who ended it, and its server (%s) learns of it',
  async (server, { db, world }) => {
    const learned = world.learned[server]
    const before = { closed: learned.closed, seq: (await passed(db, world.agentId))?.seq }
    const leaving = new AbortController()
    const asked = { shape: 'events', megabytes: 100 } as const
    const { reader } = await call(world, { era: 'legacy', server, asked }, leaving.signal)
    await reader.read()
    leaving.abort()
    await until(async () => (await passed(db, world.agentId))?.seq !== before.seq)
    expect(await passed(db, world.agentId)).toMatchObject({ rule: null, detail: { outcome: 'aborted' } })
    await until(() => learned.closed > before.closed)
  },
)
