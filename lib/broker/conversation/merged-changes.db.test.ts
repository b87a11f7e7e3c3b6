import { describe, expect, onTestFinished, vi } from 'vitest'
import type { Db } from '#lib/db/client.ts'
import { freePort } from '#lib/dev/ports.ts'
import { makeAgent, sessionToken } from '#lib/dev/test/broker.ts'
import { until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { modernCall, noticesIn, RawAgent, type RawMessage } from '../testing/raw-agent.ts'
import type { TestBroker } from '../testing/start-broker.ts'
import { talkativeWorld } from '../testing/talkative-world.ts'

// What is told of several servers at once, at the merged endpoint.

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const { servers, brokers, stop } = await talkativeWorld({ db, databaseUrl }, [{}])
  onCleanup(stop)
  // One that is down keeps nobody from what the others tell.
  const url = `http://127.0.0.1:${await freePort()}/mcp`
  const about = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'away', name: 'Away', url, ...about } })
  return { servers, broker: brokers[0] }
})
type World = { broker: TestBroker }
type Era = 'modern' | 'legacy'

const prompts = 'notifications/prompts/list_changed'
const resources = 'notifications/resources/list_changed'
const updated = 'notifications/resources/updated'
const uri = 'doc://rules'
const uris = ['wheelhouse:legacy:doc://rules', 'wheelhouse:modern:doc://rules', 'wheelhouse:away:doc://rules']

async function agentWith(db: Db, { broker }: World, grants: Record<string, readonly string[]>) {
  const { agentId, ...agent } = await makeAgent(db)
  const ids: string[] = []
  for (const [serverId, names] of Object.entries(grants)) {
    for (const name of names) ids.push(await makeGrant(db, { agentId, serverId, ...(name ? { toolName: name } : {}) }))
  }
  await broker.broker.keeper.refresh()
  const token = await sessionToken(db, broker.url, { agentId, ...agent })
  return { agentId, grants: ids, raw: new RawAgent(`${broker.url}/mcp`, token) }
}

/** Listens in the way of the era; what was heard, and whether it is over. */
async function listen(raw: RawAgent, era: Era, watched: readonly string[] = uris) {
  const ending = new AbortController()
  const { signal } = ending
  const heard: RawMessage[] = []
  const state = { over: false }
  let headers: Record<string, string> = {}
  let messages: AsyncGenerator<RawMessage>
  if (era === 'modern') {
    const notifications = { promptsListChanged: true, resourcesListChanged: true, resourceSubscriptions: watched }
    const call = modernCall('', { more: { notifications } })
    const method = 'subscriptions/listen'
    const named = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method }
    messages = (await raw.send({ body: { ...call.body, method }, headers: named, signal })).messages
  } else {
    headers = await raw.begin()
    for (const address of watched) {
      const watch = { id: 2, method: 'resources/subscribe', params: { uri: address } }
      await raw.ask({ body: watch, headers })
    }
    messages = (await raw.send({ method: 'GET', headers, signal })).messages
  }
  void (async () => {
    for await (const message of messages) heard.push(message)
  })()
    .catch(() => {})
    .finally(() => (state.over = true))
  return { heard, headers, state, end: () => ending.abort() }
}

const all = ['method:prompts', 'method:resources'] as const
const of = (heard: readonly RawMessage[], method: string) => heard.filter((message) => message.method === method)

describe.each(['modern', 'legacy'] as const)('at the merged endpoint an agent of the %s era', (era) => {
  test('is told what each of its servers tells, with the addresses it has there', async ({ db, world }) => {
    const { raw, agentId } = await agentWith(db, world, { legacy: all, modern: all, away: all })
    const { heard, end } = await listen(raw, era)
    for (const serverId of ['legacy', 'modern'] as const) {
      const server = world.servers[serverId]
      const address = `wheelhouse:${serverId}:${uri}`
      await until(async () => {
        heard.length = 0
        for (const method of [prompts, resources]) await server.tell({ method })
        await server.tell({ method: updated, params: { uri } })
        await until(() => of(heard, updated).length > 0, 1000).catch(() => {})
        return of(heard, updated).length > 0
      })
      expect(of(heard, updated).map(({ params }) => params?.['uri'])).toContain(address)
      expect(of(heard, prompts).length).toBeGreaterThan(0)
      expect(of(heard, resources).length).toBeGreaterThan(0)
    }
    const event = era === 'modern' ? 'mcp.call_allowed' : 'mcp.stream_opened'
    const rows = await db.auditEvent.findMany({ where: { agentId, event } })
    expect(new Set(rows.map(({ serverId }) => serverId))).toEqual(new Set(['away', 'legacy', 'modern']))
    end()
  })

  test('is told nothing of what it may not look at', async ({ db, world }) => {
    const { raw } = await agentWith(db, world, { legacy: ['method:prompts/list'], modern: ['method:resources/list'] })
    const { heard, end } = await listen(raw, era)
    const { legacy, modern } = world.servers
    const tellAll = async () => {
      for (const server of [legacy, modern]) {
        for (const message of [{ method: updated, params: { uri } }, { method: resources }, { method: prompts }])
          await server.tell(message)
      }
    }
    await until(async () => {
      await tellAll()
      return of(heard, prompts).length > 2 && of(heard, resources).length > 2
    })
    expect(of(heard, updated)).toEqual([])
    end()
    heard.length = 0
  })

  test('has its stream end when any of what it tells is granted no more', async ({ db, world }) => {
    const { raw, grants } = await agentWith(db, world, { legacy: ['method:prompts/list'], modern: all })
    const { heard, state, end } = await listen(raw, era)
    await until(async () => {
      await world.servers.modern.tell({ method: prompts })
      return of(heard, prompts).length > 0
    })
    expect(state.over).toBe(false)
    await db.grant.update({ where: { id: grants[0]! }, data: { revokedAt: new Date() } })
    await until(() => state.over)
    end()
  })

  test('is offered word of changes and the level of logs where some server has them', async ({ db, world }) => {
    const { raw } = await agentWith(db, world, { modern: [...all, 'method:logging/setLevel'] })
    const version = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
    const call = modernCall('')
    const named = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'server/discover' }
    const { last } =
      era === 'legacy'
        ? await raw.ask({ body: { id: 1, method: 'initialize', params: version } })
        : await raw.ask({ body: { ...call.body, method: 'server/discover' }, headers: named })
    expect(last.result).toMatchObject({
      capabilities: { resources: { subscribe: true, listChanged: true }, prompts: { listChanged: true }, logging: {} },
    })
  })
})

test('the server of an acknowledgement is the one that will tell: one that is down is left out', async ({
  db,
  world,
}) => {
  const { raw } = await agentWith(db, world, { legacy: all, modern: all, away: all })
  // One that takes its time to answer is left out as well, until its agent listens again.
  await until(async () => {
    const { heard, end } = await listen(raw, 'modern')
    await until(() => heard.length > 0)
    end()
    const { notifications } = heard[0]!.params as { notifications: { resourceSubscriptions?: string[] } }
    expect(notifications.resourceSubscriptions ?? []).not.toContain(uris[2])
    if (notifications.resourceSubscriptions?.length !== 2) return false
    expect(notifications).toMatchObject({ promptsListChanged: true, resourcesListChanged: true })
    return true
  })
})

test('what a session watches may change while its stream is open, and at an address of none it watches nothing', async ({
  db,
  world,
}) => {
  const { raw, agentId } = await agentWith(db, world, { legacy: all, modern: all })
  const { heard, headers, end } = await listen(raw, 'legacy', [])
  const say = (method: string, address: string) =>
    raw.ask({ body: { id: 4, method: `resources/${method}`, params: { uri: address } }, headers })
  const { legacy, modern } = world.servers
  const last = async () => {
    const before = of(heard, updated).length
    await legacy.tell({ method: updated, params: { uri } })
    await modern.tell({ method: updated, params: { uri } })
    await until(() => of(heard, updated).length > before, 1000).catch(() => {})
    return of(heard, updated)
      .slice(before)
      .map(({ params }) => params?.['uri'])
  }
  expect((await say('subscribe', uris[1]!)).last.result).toEqual({})
  await until(async () => (await last()).includes(uris[1]))
  expect((await say('subscribe', 'doc://rules')).last.error?.data?.rule).toBe('server_unknown')
  expect((await say('unsubscribe', uris[1]!)).last.result).toEqual({})
  await until(async () => !(await last()).includes(uris[1]))
  const where = { agentId, serverId: 'modern', tool: { in: ['resources/subscribe', 'resources/unsubscribe'] } }
  expect(await db.auditEvent.count({ where: { ...where, event: 'mcp.call_allowed' } })).toBe(2)
  end()
})

test('how much is logged holds at every server of the merged endpoint', async ({ db, world }) => {
  const granted = ['', 'method:logging/setLevel']
  const { raw, agentId } = await agentWith(db, world, { legacy: granted, modern: granted })
  const headers = await raw.begin()
  const { legacy, modern } = world.servers
  const opening = setInterval(() => [legacy, modern].forEach(({ gate }) => gate.open()), 10)
  onTestFinished(() => clearInterval(opening))
  const notices = async (serverId: string): Promise<number> => {
    const params = { name: `${serverId}__leaky`, arguments: {} }
    return noticesIn(await raw.send({ body: { id: 3, method: 'tools/call', params }, headers }))
  }
  const say = (level: string) => raw.ask({ body: { id: 2, method: 'logging/setLevel', params: { level } }, headers })
  const kept = vi.spyOn(world.broker.broker.conversations.settings, 'setLogLevel')
  onTestFinished(() => kept.mockRestore())
  for (const serverId of ['legacy', 'modern']) expect(await notices(serverId)).toBe(1)
  expect((await say('emergency')).last.result).toEqual({})
  for (const serverId of ['legacy', 'modern']) expect(await notices(serverId)).toBe(0)
  expect((await say('debug')).last.result).toEqual({})
  for (const serverId of ['legacy', 'modern']) expect(await notices(serverId)).toBe(1)
  expect(kept).toHaveBeenCalledTimes(2)
  const where = { agentId, tool: 'logging/setLevel', event: 'mcp.call_allowed' }
  const rows = await db.auditEvent.findMany({ where })
  expect(new Set(rows.map(({ serverId }) => serverId))).toEqual(new Set(['legacy', 'modern']))
  expect((await say('loud')).last.error?.code).toBe(-32602)
  const other = await agentWith(db, world, { modern: ['plain'] })
  const refused = await other.raw.ask({ body: { id: 2, method: 'logging/setLevel', params: { level: 'debug' } } })
  expect(refused.last.error?.data?.rule).toBe('grant_missing')
})
