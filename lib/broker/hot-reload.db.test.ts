import { expect } from 'vitest'
import { freePort } from '#lib/dev/ports.ts'
import { keyIdOf } from '#lib/core/secret-box.ts'
import { encryptionKey, makeAgent, portalUrl, secretBox, sessionToken, type TestAgent } from '#lib/dev/test/broker.ts'
import { postCall, until } from '#lib/dev/test/broker-world.ts'
import type { Db } from '#lib/db/client.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { startGatedUpstream } from '#lib/dev/test/gated-upstream.ts'
import { startBroker } from './testing/start-broker.ts'

/** One server that may be at either of two places, and an agent that may read it. */
const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const [first, second] = [await startGatedUpstream('first'), await startGatedUpstream('second')] as const
  const rest = { description: '', environment: 'staging', sensitivity: 'internal', demo: true } as const
  await db.mcpServer.create({ data: { id: 'moving', name: 'Moving', url: first.url, ...rest } })
  const broker = await startBroker({ db, databaseUrl, port: await freePort(), portalUrl, encryptionKey })
  onCleanup(async () => {
    for (const upstream of [first, second]) upstream.open()
    await broker.stop()
    await Promise.all([first.stop(), second.stop()])
  })
  await until(async () => (await db.mcpTool.count()) === 2)
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'moving' })
  await broker.broker.keeper.refresh()
  const token = await sessionToken(db, broker.url, agent)
  const call = async (tool: string) => {
    const { status, text } = await postCall({ broker }, { token, tool, serverId: 'moving' })
    return { status, text }
  }
  return { broker, first, second, call }
})

test('a server that moves: what is under way ends where it began, what is new goes to the new place', async ({
  db,
  world,
}) => {
  const { broker, first, second, call } = world
  const underWay = [call('gate'), call('gate')]
  await until(() => first.waiting === 2)
  await db.mcpServer.update({ where: { id: 'moving' }, data: { url: second.url } })
  await broker.broker.keeper.refresh()
  expect((await call('note')).text).toContain('second')
  first.open()
  for (const { status, text } of await Promise.all(underWay)) {
    expect(status).toBe(200)
    expect(text).toContain('first')
  }
})

test('a new credential is shown with the next call, and calls under way keep theirs', async ({ db, world }) => {
  const { broker, second, call } = world
  for (const secret of ['the-first-secret', 'the-second-secret']) {
    const underWay = call('gate')
    await until(() => second.waiting === 1)
    const ciphertext = await secretBox.seal(secret, 'upstream-credential:moving')
    const credential = { kind: 'bearer', ciphertext, keyId: keyIdOf(ciphertext) }
    await db.upstreamCredential.deleteMany({ where: { serverId: 'moving' } })
    await db.upstreamCredential.create({ data: { serverId: 'moving', ...credential } })
    await broker.broker.keeper.refresh()
    expect((await call('note')).status).toBe(200)
    expect(second.authorizations.at(-1)).toBe(`Bearer ${secret}`)
    second.open()
    expect(await underWay).toMatchObject({ status: 200, text: expect.stringContaining('second') as string })
  }
})

test('many changes while many calls begin: every call is answered', async ({ db, world }) => {
  const { broker, first, second, call } = world
  const ended = new AbortController()
  const statuses: string[] = []
  const agents = Array.from({ length: 4 }, async () => {
    while (!ended.signal.aborted) {
      const { status, text } = await call('note')
      statuses.push(/"text":"(first|second)"/.test(text) ? 'answered' : `${status} ${text}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })
  for (let at = 0; at < 12; at += 1) {
    const { url } = at % 2 === 0 ? first : second
    await db.mcpServer.update({ where: { id: 'moving' }, data: { url } })
    await broker.broker.keeper.refresh()
    await new Promise((resolve) => setTimeout(resolve, 40))
  }
  ended.abort()
  await Promise.all(agents)
  expect(statuses.filter((status) => status !== 'answered')).toEqual([])
  expect(statuses.length).toBeGreaterThan(20)
})

test('a server that is disabled ends what is under way with the rule and the reason, and goes on as soon as it is enabled', async ({
  db,
  world,
}) => {
  const { broker, second, call } = world
  await db.mcpServer.update({ where: { id: 'moving' }, data: { url: second.url } })
  await broker.broker.keeper.refresh()
  const underWay = call('gate')
  await until(() => second.waiting === 1)
  await db.mcpServer.update({ where: { id: 'moving' }, data: { status: 'disabled', statusReason: 'It leaks.' } })
  await broker.broker.keeper.refresh()
  for (const { text } of [await underWay, await call('note')]) {
    expect(text).toContain('server_disabled')
    expect(text).toContain('The server moving is disabled: It leaks.')
  }
  await db.mcpServer.update({ where: { id: 'moving' }, data: { status: 'active', statusReason: null } })
  await broker.broker.keeper.refresh()
  expect((await call('note')).text).toContain('second')
})

const granted = { class: 'read', reason: 'to be tested', via: 'request', serverId: 'moving' } as const

test.for([
  [
    'a grant',
    (db: Db, { agentId }: TestAgent) => db.grant.create({ data: { ...granted, agentId } }),
    async () => undefined,
  ],
  [
    'the renewal of an expired grant',
    (db: Db, { agentId }: TestAgent) => db.grant.updateMany({ where: { agentId }, data: { expiresAt: null } }),
    (db: Db, { agentId }: TestAgent) =>
      db.grant.create({ data: { ...granted, agentId, expiresAt: new Date('2026-01-01') } }),
  ],
  [
    'the approval of a tool',
    (db: Db) => db.mcpTool.updateMany({ where: { name: 'note' }, data: { state: 'approved' } }),
    async (db: Db, { agentId }: TestAgent) => {
      await db.grant.create({ data: { ...granted, agentId } })
      await db.mcpTool.updateMany({ where: { name: 'note' }, data: { state: 'quarantined' } })
    },
  ],
] as const)('%s opens the next call, whatever the broker has heard of it', async ([, give, before], { db, world }) => {
  const agent = await makeAgent(db)
  await before(db, agent)
  await world.broker.broker.keeper.refresh()
  const token = await sessionToken(db, world.broker.url, agent)
  const call = async () => (await postCall(world, { token, tool: 'note', serverId: 'moving' })).json.result
  expect(await call()).toMatchObject({ isError: true })
  await give(db, agent)
  expect(await call()).not.toHaveProperty('isError', true)
})
