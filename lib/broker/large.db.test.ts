import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { startBrokerProcess } from '#lib/dev/test/broker-process.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { mergedAddress } from './merged-addresses.ts'
import { addressOf, type Asked, megabyte, startLargeServer } from './testing/large-server.ts'
import { measure } from './testing/resident.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const { http, url } = await startLargeServer()
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  for (const id of ['large', 'judged']) {
    await db.mcpServer.create({ data: { id, name: id, url, blockMarked: id === 'judged', ...rest } })
  }
  const agent = await makeAgent(db)
  for (const serverId of ['large', 'judged']) await makeGrant(db, { agentId: agent.agentId, serverId, class: 'read' })
  const broker = await startBrokerProcess({ databaseUrl, port: await freePort() })
  onCleanup(async () => {
    await broker.stop()
    http.close()
    http.closeAllConnections()
  })
  await until(async () => (await db.mcpTool.count({ where: { state: 'approved' } })) === 2, 30_000)
  // One more poll, so that the broker knows what it has just found.
  await new Promise((resolve) => setTimeout(resolve, 1500))
  const token = await sessionToken(db, broker.url, agent)
  const resident = await usualMegabytes({ broker, token })
  return { broker, token, agentId: agent.agentId, resident }
})

/** How large the broker becomes by results of 10 MB, before it has seen one of 100 MB: buffers and heap of their usual size. */
async function usualMegabytes(world: { broker: { url: string; pid: number }; token: string }): Promise<number> {
  let most = 0
  for (const shape of ['json', 'events', 'json', 'events', 'json', 'events'] as const) {
    most = Math.max(most, (await measure(() => read(world, { shape, megabytes: 10 }), world.broker.pid)).most)
  }
  return most
}

type Read = { status: number; type: string; bytes: number; digest: string; head: string; tail: string; whole: boolean }

/** Calls the tool and reads the answer as it comes, without keeping it. */
async function read(
  { broker, token }: { broker: { url: string }; token: string },
  asked: Asked,
  options: { serverId?: string | null; accept?: string; onChunk?: () => Promise<void> } = {},
): Promise<Read> {
  const envelope = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const { serverId = 'large' } = options
  const uri = serverId === null ? mergedAddress('large', addressOf(asked)) : addressOf(asked)
  const named = asked.what ? { uri } : { name: 'large', arguments: asked }
  const method = asked.what ? 'resources/read' : 'tools/call'
  const call = httpRequest(`${broker.url}/mcp${serverId === null ? '' : `/${serverId}`}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: options.accept ?? 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      'mcp-name': asked.what ? uri : 'large',
    },
  })
  call.end(JSON.stringify({ jsonrpc: '2.0', id: 'mine', method, params: { ...named, _meta: envelope } }))
  const [response] = (await once(call, 'response')) as [IncomingMessage]
  const hash = createHash('sha256')
  let [bytes, head, tail] = [0, '', '']
  let whole = true
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      await options.onChunk?.()
      bytes += chunk.length
      hash.update(chunk)
      if (head.length < 200) head = (head + chunk.toString()).slice(0, 200)
      tail = (tail + chunk.toString()).slice(-200)
    }
  } catch {
    whole = false
  }
  const type = String(response.headers['content-type'])
  return { status: response.statusCode!, type, bytes, digest: hash.digest('hex'), head, tail, whole }
}

test.for(['json', 'events'] as const)(
  'a result of 100 MB as %s passes whole, without being held in memory, and its end is on record',
  { timeout: 120_000 },
  async (shape, { db, world }) => {
    const { answer, most } = await measure(() => read(world, { shape, megabytes: 100 }), world.broker.pid)
    expect(answer).toMatchObject({ status: 200, type: 'application/json', whole: true })
    expect(answer.bytes).toBeGreaterThan(100 * megabyte)
    expect(answer.head).toMatch(/^\{"jsonrpc":"2.0","id":"mine","result":\{"resultType":"complete","content":\[/)
    expect(answer.tail).toMatch(/dog, again and again and again\. "\}\]\}\}$/)
    // Garbage that is not collected yet is no result that is held: what is held is there every time.
    let least = most
    for (let times = 0; times < 2 && least - world.resident > 32; times += 1) {
      const again = await measure(() => read(world, { shape, megabytes: 100 }), world.broker.pid)
      least = Math.min(least, again.most)
    }
    expect(least - world.resident).toBeLessThanOrEqual(32)
    const rows = await db.auditEvent.findMany({ where: { agentId: world.agentId }, orderBy: { seq: 'desc' }, take: 2 })
    expect(rows.map(({ event, detail }) => [event, (detail as { outcome: string }).outcome])).toEqual([
      ['mcp.result_passed', 'ok'],
      ['mcp.call_allowed', 'streamed'],
    ])
    expect((rows[0]!.detail as { bytes: number }).bytes).toBeGreaterThan(100 * megabyte)
  },
)

test.for([
  ['json', 'large'],
  ['events', null],
] as const)(
  'a resource of 100 MB as %s passes whole as well, at the address it was asked for, kept by nobody longer than the broker says',
  { timeout: 120_000 },
  async ([shape, serverId], { db, world }) => {
    const asked = { what: 'resource', shape, megabytes: 100 } as const
    const ask = () => measure(() => read(world, asked, { serverId }), world.broker.pid)
    const { answer, most } = await ask()
    expect(answer).toMatchObject({ status: 200, whole: true })
    expect(answer.bytes).toBeGreaterThan(100 * megabyte)
    const own = addressOf(asked)
    const uri = serverId === null ? mergedAddress('large', own) : own
    const begins = `{"jsonrpc":"2.0","id":"mine","result":{"resultType":"complete","contents":[{"uri":${JSON.stringify(uri)},"text":"`
    expect(answer.head).toContain(begins.slice(0, 200))
    expect(answer.tail).toMatch(/again and again\. "\}\],"ttlMs":300000,"cacheScope":"private"\}\}$/)
    let least = most
    for (let times = 0; times < 2 && least - world.resident > 32; times += 1) {
      least = Math.min(least, (await ask()).most)
    }
    expect(least - world.resident).toBeLessThanOrEqual(32)
    const rows = await db.auditEvent.findMany({ where: { agentId: world.agentId }, orderBy: { seq: 'desc' }, take: 2 })
    expect(rows.map(({ event, tool, detail }) => [event, tool, (detail as { outcome: string }).outcome])).toEqual([
      ['mcp.result_passed', 'resources/read', 'ok'],
      ['mcp.call_allowed', 'resources/read', 'streamed'],
    ])
  },
)

test('secrets in a large resource are masked as they are in a result', async ({ world }) => {
  const key = `ghp_${'a1B2c3D4e5F6'.repeat(3)}`
  const answer = await read(world, { what: 'resource', shape: 'json', megabytes: 2, say: `token ${key} ` })
  expect(answer.whole).toBe(true)
  expect(answer.head + answer.tail).not.toContain(key)
  expect(answer.tail).toContain('[masked: github_token]')
})

test('secrets in a large result are masked on its way, and counted', async ({ db, world }) => {
  const key = `ghp_${'a1B2c3D4e5F6'.repeat(3)}`
  const answer = await read(world, { shape: 'json', megabytes: 2, say: `token ${key} ` })
  expect(answer.whole).toBe(true)
  expect(answer.head).toContain('token [masked: github_token]')
  expect(answer.tail).toContain('[masked: github_token]')
  const row = await db.auditEvent.findFirst({ where: { event: 'mcp.result_passed' }, orderBy: { seq: 'desc' } })
  expect(row?.detail).toMatchObject({ masked: { github_token: 2 } })
})

test.for(['cut', 'other_id', 'too_deep', 'asks'] as const)(
  'a large result that turns out wrong at its end (%s) is broken off, never ended as if it were whole',
  async (end, { db, world }) => {
    const answer = await read(world, { shape: 'json', megabytes: 2, end })
    expect(answer.status).toBe(200)
    expect(answer.whole).toBe(false)
    const row = await db.auditEvent.findFirst({ where: { event: 'mcp.result_passed' }, orderBy: { seq: 'desc' } })
    expect(row?.detail).toMatchObject({ outcome: 'upstream_error', reason: expect.any(String) })
    const facts = { limitName: 'resultDepthMax', limit: 64, limitOf: 'platform' }
    if (end === 'too_deep') expect(row).toMatchObject({ rule: 'result_too_deep', detail: { facts } })
    else expect(row?.rule).toBeNull()
  },
)

test('an order to stop ends a large result in the middle', async ({ db, world }) => {
  let ordered = false
  const answer = await read(
    world,
    { shape: 'json', megabytes: 200 },
    {
      // A slow reader: without the order it would take minutes.
      onChunk: async () => {
        const data = { scope: 'agent', targetId: world.agentId, reason: 'odd calls', orderedByName: 'Ola' } as const
        if (!ordered) await db.stopOrder.create({ data })
        ordered = true
        await new Promise((resolve) => setTimeout(resolve, 20))
      },
    },
  )
  expect(answer.whole).toBe(false)
  const row = await db.auditEvent.findFirst({ where: { event: 'mcp.result_passed' }, orderBy: { seq: 'desc' } })
  expect(row?.detail).toMatchObject({ outcome: 'aborted', reason: expect.stringContaining('odd calls') })
  await db.stopOrder.updateMany({ data: { releasedAt: new Date(), releasedByName: 'Ola' } })
})

test('an agent that stops reading does not keep a stopped call alive', async ({ db, world }) => {
  // The broker knows that the order of before is released.
  await until(async () => (await read(world, { shape: 'json', megabytes: 2 })).bytes > megabyte)
  let silent = false
  let ended = false
  const data = { scope: 'agent', targetId: world.agentId, reason: 'too slow', orderedByName: 'Ola' } as const
  const reading = read(
    world,
    { shape: 'json', megabytes: 200 },
    {
      onChunk: async () => {
        if (silent) return
        silent = true
        await db.stopOrder.create({ data })
        const passed = { event: 'mcp.result_passed', detail: { path: ['reason'], string_contains: 'too slow' } }
        await until(async () => (await db.auditEvent.count({ where: passed })) === 1)
        ended = true
      },
    },
  )
  expect((await reading).whole).toBe(false)
  expect(ended).toBe(true)
  await db.stopOrder.updateMany({ data: { releasedAt: new Date(), releasedByName: 'Ola' } })
})

test('where marked answers are refused nothing is passed on before it is judged: it is held up to the limit', async ({
  world,
}) => {
  await until(async () => (await read(world, { shape: 'json', megabytes: 2 }, { serverId: 'judged' })).bytes > megabyte)
  const answer = await read(world, { shape: 'json', megabytes: 40 }, { serverId: 'judged' })
  expect(answer.whole).toBe(true)
  expect(answer.head + answer.tail).toContain('result_too_large')
})
