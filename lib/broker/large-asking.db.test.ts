import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { startBrokerProcess } from '#lib/dev/test/broker-process.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { type Asked, megabyte, startLargeServer, startLargeSessionServer } from './testing/large-server.ts'
import { modernCall, RawAgent, type RawMessage } from './testing/raw-agent.ts'
import { leastMegabytes, measure } from './testing/resident.ts'

// Large results of agents that may be asked something: their calls go in sessions of their own, and wait for answers, wherever one of the two sides has sessions.

type Era = 'modern' | 'legacy'
type World = { broker: { url: string; pid: number }; token: string }
type How = { era: Era; server: Era; merged: boolean; asked: Asked }

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const modern = await startLargeServer()
  const legacy = await startLargeSessionServer()
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  for (const [id, { url }] of Object.entries({ modern, legacy })) {
    await db.mcpServer.create({ data: { id, name: id, url, ...about } })
  }
  const agent = await makeAgent(db)
  for (const serverId of ['modern', 'legacy']) {
    for (const toolName of [undefined, 'method:elicitation/create'])
      await makeGrant(db, { agentId: agent.agentId, serverId, class: 'read', ...(toolName ? { toolName } : {}) })
  }
  const broker = await startBrokerProcess({ databaseUrl, port: await freePort(), collectsGarbage: true })
  onCleanup(async () => {
    await broker.stop()
    for (const { http } of [modern, legacy]) {
      http.close()
      http.closeAllConnections()
    }
  })
  await until(async () => (await db.mcpTool.count({ where: { state: 'approved' } })) === 2, 30_000)
  const token = await sessionToken(db, broker.url, agent)
  const world = { broker, token, legacy, agentId: agent.agentId }
  // It knows what it has found, and has its usual size.
  const small = { shape: 'events', megabytes: 10 } as const
  await until(async () => (await read(world, { era: 'modern', server: 'legacy', merged: false, asked: small })).whole)
  let resident = 0
  for (const [era, server] of [...pairs, ...pairs]) {
    const asked = { ...small, asks: true }
    resident = Math.max(
      resident,
      (await measure(() => read(world, { era, server, merged: true, asked }), broker.pid)).most,
    )
  }
  return { ...world, resident }
})

/** In megabytes: as much as a result that is held may have. */
const oneMax = 32
/** About a megabyte of each is held; the rest is garbage, which comes four times as fast and is collected no sooner. */
const fourMax = 64
const pairs = [
  ['modern', 'legacy'],
  ['legacy', 'legacy'],
  ['legacy', 'modern'],
] as const

/** Calls the tool as the era does, answers what is asked, and reads the answer without keeping it. */
async function read(world: World, how: How): Promise<{ bytes: number; tail: string; whole: boolean }> {
  const { era, server, merged, asked } = how
  const url = `${world.broker.url}/mcp${merged ? '' : `/${server}`}`
  const raw = new RawAgent(url, world.token)
  const name = merged ? `${server}__large` : 'large'
  const capabilities = { elicitation: {} }
  if (era === 'legacy') {
    const headers = await raw.begin(capabilities)
    const body = { id: 'mine', method: 'tools/call', params: { name, arguments: asked } }
    return await readThrough(world, url, { body, headers }, ({ id }) => {
      const answer = { id, result: { action: 'accept', content: {} } }
      void raw.ask({ body: answer, headers })
    })
  }
  const first = modernCall(name, { capabilities, more: { arguments: asked } })
  if (!asked.asks) return await readThrough(world, url, first)
  const { result } = (await raw.ask(first)).last
  const { requestState, inputRequests = {} } = result as { requestState: string; inputRequests?: object }
  const inputResponses = { [Object.keys(inputRequests)[0]!]: { action: 'accept', content: {} } }
  const more = { arguments: asked, requestState, inputResponses }
  return await readThrough(world, url, modernCall(name, { capabilities, more }))
}

async function readThrough(
  { token }: World,
  url: string,
  { body, headers }: { body: object; headers: Record<string, string> },
  answer: (ask: RawMessage) => void = () => {},
) {
  const accept = 'application/json, text/event-stream'
  const type = { 'content-type': 'application/json', accept, authorization: `Bearer ${token}` }
  const call = httpRequest(url, { method: 'POST', headers: { ...type, ...headers } })
  call.end(JSON.stringify({ jsonrpc: '2.0', ...body }))
  const [response] = (await once(call, 'response')) as [IncomingMessage]
  let [bytes, tail] = [0, '']
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length
      tail = (tail + chunk.toString()).slice(-2000)
      const ask = /^data: (.*"elicitation\/create".*)$/m.exec(tail)?.[1]
      if (ask) [, tail] = [answer(JSON.parse(ask) as RawMessage), '']
    }
  } catch {
    return { bytes, tail, whole: false }
  }
  return { bytes, tail, whole: /again and again\. "\}\]\}\}\s*$/.test(tail) }
}

async function lastRows(db: Db, agentId: string, tool: string) {
  const rows = await db.auditEvent.findMany({ where: { agentId, tool }, orderBy: { seq: 'desc' }, take: 2 })
  return rows.map(({ event, detail }) => [event, (detail as { outcome: string }).outcome])
}

test.for(pairs.flatMap(([era, server]) => [true, false].map((asks) => [era, server, asks] as const)))(
  'a result of 100 MB passes whole to an agent of the %s era that may be asked, from a server of the %s era (which asks: %s), without being held: its garbage is collected at once',
  { timeout: 180_000 },
  async ([era, server, asks], { db, world }) => {
    const asked = { shape: 'events', megabytes: 100, asks } as const
    const once = async () => {
      const answer = await read(world, { era, server, merged: true, asked })
      expect(answer.whole ? 'whole' : answer.tail).toBe('whole')
      expect(answer.bytes).toBeGreaterThan(100 * megabyte)
    }
    const { pid } = world.broker
    const least = await leastMegabytes(once, { pid, enough: world.resident + 32 })
    expect(least - world.resident).toBeLessThanOrEqual(32)
    expect(await lastRows(db, world.agentId, 'large')).toEqual([
      ['mcp.result_passed', 'ok'],
      ['mcp.call_allowed', 'streamed'],
    ])
    // The session lasts as long as its result, and no longer: the one that stays is the broker's own.
    await until(() => world.legacy.sessions.size <= 2)
  },
)

test.for([
  ['modern', 'legacy', 'json'],
  ['legacy', 'legacy', 'json'],
  ['legacy', 'modern', 'json'],
  ['modern', 'legacy', 'events'],
  ['legacy', 'legacy', 'events'],
] as const)(
  'and one of 40 MB, more than is ever held, at the address of the server (%s, %s, %s)',
  { timeout: 60_000 },
  async ([era, server, shape], { world }) => {
    for (const asks of [false, true]) {
      const answer = await read(world, { era, server, merged: false, asked: { shape, megabytes: 40, asks } })
      expect(answer.whole ? 'whole' : answer.tail).toBe('whole')
      expect(answer.bytes).toBeGreaterThan(40 * megabyte)
    }
  },
)

test.for([...pairs, ['modern', 'modern']] as const)(
  'a fresh broker as it runs in production, its collector left alone, grows by 32 MB at most with a result of 100 MB, and by 64 MB with four at once (%s, %s)',
  { timeout: 240_000 },
  async ([era, server], { databaseUrl, world }) => {
    let grown = { one: Infinity, four: Infinity }
    // A collection that a busy machine puts off is none that a fresh broker puts off every time.
    for (let times = 0; times < 3 && (grown.one > oneMax || grown.four > fourMax); times += 1)
      grown = await grownBy({ databaseUrl, world, era, server })
    expect(grown.one).toBeLessThanOrEqual(oneMax)
    expect(grown.four).toBeLessThanOrEqual(fourMax)
  },
)

async function grownBy({
  databaseUrl,
  world,
  era,
  server,
}: {
  databaseUrl: string
  world: World
  era: Era
  server: Era
}) {
  const brokerUrl = world.broker.url
  const broker = await startBrokerProcess({ databaseUrl, port: await freePort(), brokerUrl })
  const about = { era, server, merged: true } as const
  const shape = 'events'
  const fresh = { ...world, broker }
  try {
    const small = { shape, megabytes: 0, say: 'a small one' } as const
    const saysIt = async () => (await read(fresh, { ...about, asked: small })).tail.includes(small.say)
    await until(saysIt)
    let before = 0
    for (let calls = 0; calls < 40; calls += 1) before = Math.max(before, (await measure(saysIt, broker.pid)).most)
    const pass = async () => {
      const { tail, bytes, whole } = await read(fresh, { ...about, asked: { shape, megabytes: 100 } })
      expect(whole ? 'whole' : tail).toBe('whole')
      expect(bytes).toBeGreaterThan(100 * megabyte)
    }
    const one = (await measure(pass, broker.pid)).most - before
    const four = (await measure(() => Promise.all([pass(), pass(), pass(), pass()]), broker.pid)).most - before
    return { one, four }
  } finally {
    await broker.stop()
  }
}
