import { expect } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { encryptionKey, makeAgent, portalUrl, sessionToken } from '#lib/dev/test/broker.ts'
import { brokerWorld, lastEvent, postCall, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { freePort } from '#lib/dev/ports.ts'
import { createHoldRule, decideHeldCall } from '#lib/guardrails/commands.ts'
import { createHoldRuleInput } from '#lib/guardrails/schema/held-calls.ts'
import { startBroker } from '../testing/start-broker.ts'

const limits = { agentWaitingMax: 3, agentWaitingBytesMax: 200_000, waitingBytesMax: 300_000 }

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const start: typeof startBroker = (options) => startBroker({ ...options, limits })
  const world = await brokerWorld({ db, databaseUrl, startBroker: start })
  const second = await start({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  onCleanup(async () => {
    await second.stop()
    await world.stop()
  })
  const security = await makePerson(db, { roles: ['security'] })
  const rule = { title: 'Changes wait', serverId: 'modern', toolName: 'change', deciderRoles: ['security'] }
  await createHoldRule(ctxFor(db, security), createHoldRuleInput.parse(rule))
  await until(() => [world.broker, second].every(({ broker }) => broker.keeper.view.holdRules.length === 1))
  return { ...world, second, security }
})

type Broker = Awaited<ReturnType<typeof startBroker>>
type World = { broker: Broker; second: Broker; security: Awaited<ReturnType<typeof makePerson>> }

async function writer(db: Db, world: World) {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'write' })
  for (const { broker } of [world.broker, world.second]) await broker.keeper.refresh()
  const tokens = new Map<Broker, string>()
  for (const broker of [world.broker, world.second]) tokens.set(broker, await sessionToken(db, broker.url, agent))
  const change = async (word: string, { broker = world.broker, signal = new AbortController().signal } = {}) => {
    const params = { name: 'change', arguments: { word } }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
    const { text } = await postCall({ broker }, { token: tokens.get(broker)!, serverId: 'modern', body, signal })
    return text
  }
  const rejectAll = async () => {
    const decision = { decision: 'reject', note: 'Not now.' } as const
    for (const { id } of await db.heldCall.findMany({ where: { agentId: agent.agentId, state: 'waiting' } })) {
      await decideHeldCall(ctxFor(db, world.security), { heldCallId: id, ...decision })
    }
  }
  const waiting = () => db.heldCall.count({ where: { agentId: agent.agentId, state: 'waiting' } })
  return { ...agent, change, rejectAll, waiting }
}

test('so many calls of an agent wait for a person and no more, at all brokers together, whether their callers stay or leave', async ({
  db,
  world,
}) => {
  const [one, other] = [await writer(db, world), await writer(db, world)]
  const leaving = new AbortController()
  const left = one.change('left behind', { signal: leaving.signal }).catch(() => 'left')
  await until(async () => (await one.waiting()) === 1)
  leaving.abort()
  expect(await left).toBe('left')
  await until(() => world.broker.broker.waitingCalls === 0)
  const held = [one.change('one'), one.change('two', { broker: world.second })]
  await until(async () => (await one.waiting()) === 3)
  for (const broker of [world.broker, world.second]) {
    expect(await one.change('too many', { broker })).toMatch(
      /calls_at_once.* has 3 calls that wait for people, and 3 may wait/,
    )
  }
  expect(await lastEvent(db, one.agentId, 'mcp.call_denied')).toMatchObject({
    rule: 'calls_at_once',
    detail: { facts: { scope: 'agent', used: 3, limit: 3 } },
  })
  expect(await db.heldCall.count({ where: { agentId: one.agentId } })).toBe(3)
  const others = other.change('of another agent')
  await until(async () => (await other.waiting()) === 1)
  await one.rejectAll()
  await other.rejectAll()
  for (const text of await Promise.all([...held, others])) expect(text).toContain('call_rejected')
  const again = one.change('after they were decided')
  await until(async () => (await one.waiting()) === 1)
  await one.rejectAll()
  expect(await again).toContain('call_rejected')
})

test('of one call that is sent again and again so many wait at a broker and no more', async ({ db, world }) => {
  const { change, rejectAll } = await writer(db, world)
  const held = [change('same'), change('same'), change('same')]
  await until(() => world.broker.broker.waitingCalls === 3)
  expect(await change('same')).toMatch(/"rule":"calls_at_once"/)
  await rejectAll()
  expect((await Promise.all(held)).filter((text) => text.includes('call_rejected'))).toHaveLength(1)
})

test('calls that wait are so long together and no longer: those of an agent, and all of a broker', async ({
  db,
  world,
}) => {
  const [one, other] = [await writer(db, world), await writer(db, world)]
  const held = one.change('a'.repeat(150_000))
  await until(async () => (await one.waiting()) === 1)
  expect(await one.change('b'.repeat(60_000))).toMatch(
    /calls_at_once.* have \d+ bytes, and may have 200000 together with this one/,
  )
  expect(await other.change('c'.repeat(160_000))).toMatch(/calls_at_once.*of the 300000 bytes they may hold/)
  expect(await lastEvent(db, other.agentId, 'mcp.call_denied')).toMatchObject({
    detail: { facts: { scope: 'broker', limit: 300_000, unit: 'bytes' } },
  })
  await one.rejectAll()
  expect(await held).toContain('call_rejected')
  const again = other.change('c'.repeat(160_000))
  await until(async () => (await other.waiting()) === 1)
  await other.rejectAll()
  expect(await again).toContain('call_rejected')
})
