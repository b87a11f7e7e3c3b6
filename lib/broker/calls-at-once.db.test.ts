import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { lastEvent, postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import type { Db } from '#lib/db/client.ts'
import { startBroker } from './testing/start-broker.ts'
import { startSizedServer } from './testing/sized-server.ts'

const kibibyte = 1024
const limits = {
  agentCallsAtOnce: 2,
  serverCallsAtOnce: 3,
  agentCallsPerSecond: 0,
  serverCallsPerSecond: 0,
  heldBytesMax: 1500 * kibibyte,
}

/** A server whose answers have to be there as a whole before they are passed on. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const { http, url } = await startSizedServer()
  const rest = {
    description: '',
    environment: 'staging',
    sensitivity: 'internal',
    demo: true,
    blockMarked: true,
  } as const
  await db.mcpServer.create({ data: { id: 'sized', name: 'Sized', url, ...rest } })
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey, limits })
  onCleanup(async () => {
    await broker.stop()
    http.close()
    http.closeAllConnections()
  })
  await until(async () => (await db.mcpTool.count()) === 3)
  return { broker }
})

type World = { broker: Awaited<ReturnType<typeof startBroker>> }

async function caller(db: Db, world: World) {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'sized' })
  await world.broker.broker.keeper.refresh()
  const token = await sessionToken(db, world.broker.url, agent)
  const call = async (tool: string, count = 1) => {
    const params = { name: tool, arguments: tool === 'slow' ? {} : { count } }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
    const { text } = await postCall(world, { token, serverId: 'sized', body })
    return /"rule":"(\w+)"/.exec(text)?.[1] ?? 'answered'
  }
  return { ...agent, call }
}

test('an agent has so many calls under way and no more, a server is asked so many, and both go on when one has ended', async ({
  db,
  world,
}) => {
  const [one, other, third] = [await caller(db, world), await caller(db, world), await caller(db, world)]
  const slow = [one.call('slow'), one.call('slow'), other.call('slow')]
  const metrics = async () => (await fetch(`${world.broker.url}/metrics`)).text()
  await until(async () => /^wheelhouse_broker_calls_in_flight 3$/m.test(await metrics()))
  expect([await one.call('long'), await third.call('long')]).toEqual(['calls_at_once', 'calls_at_once'])
  expect(await lastEvent(db, one.agentId, 'mcp.call_denied')).toMatchObject({
    rule: 'calls_at_once',
    detail: { facts: { scope: 'agent', used: 2, atOnce: 2 } },
  })
  expect(await lastEvent(db, third.agentId, 'mcp.call_denied')).toMatchObject({
    detail: { facts: { scope: 'server', used: 3, atOnce: 3 } },
  })
  expect(await Promise.all(slow)).toEqual(['answered', 'answered', 'answered'])
  expect([await one.call('long'), await third.call('long')]).toEqual(['answered', 'answered'])
})

test('answers are held to so many bytes together, and let go with their calls', async ({ db, world }) => {
  const { call } = await caller(db, world)
  expect(await call('long', 2000 * kibibyte)).toBe('result_too_large')
  // Each is most of what may be held.
  for (let i = 0; i < 4; i += 1) expect(await call('long', 1200 * kibibyte)).toBe('answered')
  expect(await call('long', 2000 * kibibyte)).toBe('result_too_large')
  expect(await call('long', 1200 * kibibyte)).toBe('answered')
})
