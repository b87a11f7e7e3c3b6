import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, listening, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import type { Db } from '#lib/db/client.ts'
import { everyRow } from '../testing/canary-watch.ts'
import { modernCall, RawAgent } from '../testing/raw-agent.ts'
import { startBroker, type TestBroker } from '../testing/start-broker.ts'
import { startModernTalkative } from '../testing/talkative-servers.ts'

type Results = { edit(result: Record<string, unknown>): Record<string, unknown> }

/** What a server says, as no SDK would let it say it. */
async function startRewriting(url: string, results: Results) {
  const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const { host: _, connection: __, 'content-length': ___, ...headers } = request.headers as Record<string, string>
    const answered = await fetch(url, { method: request.method!, headers, ...(body ? { body } : {}) })
    const type = answered.headers.get('content-type')
    const text = (await answered.text()).replaceAll(/^(data: )?(\{.+\})$/gm, (_line, data = '', json: string) => {
      const { result, ...rest } = JSON.parse(json) as { result?: Record<string, unknown> }
      return (
        data +
        JSON.stringify(result?.['inputRequests'] ? { ...rest, result: results.edit(result) } : { ...rest, result })
      )
    })
    response.writeHead(answered.status, type ? { 'content-type': type } : {}).end(text)
  }
  const http = createServer((request, response) => void pass(request, response).catch(() => response.destroy()))
  return { url: `${await listening(http)}/mcp`, http }
}

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const server = await startModernTalkative()
  const results: Results = { edit: (result) => result }
  const rewriting = await startRewriting(server.url, results)
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'modern', name: 'Modern', url: rewriting.url, ...about } })
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  onCleanup(async () => {
    await broker.stop()
    rewriting.http.close()
    rewriting.http.closeAllConnections()
    server.stop()
  })
  await until(async () => (await db.mcpTool.count({ where: { state: 'approved' } })) === 3)
  return { results, broker }
})

async function reader(db: Db, { broker }: { broker: TestBroker }) {
  const agent = await makeAgent(db)
  for (const toolName of [undefined, 'method:elicitation/create']) {
    await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', ...(toolName ? { toolName } : {}) })
  }
  await broker.broker.keeper.refresh()
  const raw = new RawAgent(`${broker.url}/mcp/modern`, await sessionToken(db, broker.url, agent))
  const call = async (more: object = {}) =>
    (await raw.ask(modernCall('asking', { capabilities: { elicitation: {} }, more }))).last
  const rows = () => db.auditEvent.count({ where: { agentId: agent.agentId, tool: 'elicitation/create' } })
  return { agentId: agent.agentId, raw, call, rows }
}

const answer = { action: 'accept', content: { name: 'Ada' } }
const many = (count: number, value: unknown) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`name-${index}`, value]))

test('a call answers so much at once and no more', async ({ db, world }) => {
  const { call, rows } = await reader(db, world)
  const refused = await call({ inputResponses: many(65, answer) })
  expect([refused.error?.code, refused.error?.data?.rule]).toEqual([-32602, 'answer_unknown'])
  expect(await rows()).toBe(0)
  expect((await call({ inputResponses: many(64, answer) })).error).toBeUndefined()
  // What its server did not ask for stays here; the question is on record.
  expect(await rows()).toBe(1)
})

test('a server asks for so much at once and no more', async ({ db, world }) => {
  const { call, rows } = await reader(db, world)
  world.results.edit = (result) => {
    const [ask] = Object.values(result['inputRequests'] as object)
    return { ...result, inputRequests: many(65, ask) }
  }
  expect(JSON.stringify(await call())).toContain('asks for more than 64 things at once')
  expect(await rows()).toBe(0)
})

test('a server that asks again and again is asked no more, and its call ends by a rule that is on record', async ({
  db,
  world,
}) => {
  const { agentId, raw } = await reader(db, world)
  // It asks for nothing in particular, so that the broker goes on by itself.
  world.results.edit = (result) => ({ ...result, inputRequests: {} })
  const headers = await raw.begin({ elicitation: {} })
  const body = { id: 4, method: 'tools/call', params: { name: 'asking', arguments: {} } }
  const { last } = await raw.ask({ body, headers })
  expect(last.result).toMatchObject({ isError: true, _meta: { 'wheelhouse/denial': { rule: 'upstream_unavailable' } } })
  expect(JSON.stringify(last)).toContain('asks for more than is answered in one call')
  const where = { agentId, event: 'mcp.call_allowed', tool: 'asking', rule: 'upstream_unavailable' }
  expect(await db.auditEvent.count({ where })).toBe(1)
})

test('what was not decided about is not asked, whatever its key is', async ({ db, world }) => {
  const { call, rows } = await reader(db, world)
  world.results.edit = (result) => {
    const inputRequests = JSON.parse('{"__proto__":{"method":"sampling/createMessage","params":{}}}') as object
    return { ...result, inputRequests }
  }
  const { result } = await call()
  expect(result).toMatchObject({ resultType: 'input_required' })
  expect(Object.keys(result!['inputRequests'] as object)).toEqual([])
  expect(await rows()).toBe(0)
})

test('what no agent is asked for is refused without a word of how its server calls it', async ({ db, world }) => {
  const { agentId, call } = await reader(db, world)
  const hostile = `pay with ${['gh', 'p_', 'a1B2c3D4'.repeat(5)].join('')}`
  world.results.edit = (result) => ({ ...result, inputRequests: { odd: { method: hostile, params: {} } } })
  const refused = JSON.stringify(await call())
  expect(refused).toContain('method_not_brokered')
  expect(refused).toContain('modern asks for something that no agent is asked for')
  const where = { agentId, event: 'mcp.call_allowed', rule: 'method_not_brokered' }
  expect(await db.auditEvent.count({ where })).toBe(1)
  expect([refused, ...(await everyRow(db))].filter((text) => text.includes(hostile))).toEqual([])
})
