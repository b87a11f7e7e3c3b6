import { expect } from 'vitest'
import { makeAgent } from '#lib/dev/test/broker.ts'
import { agentSession, brokerWorld } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { rollUpTraffic } from '#lib/metrics/commands.ts'
import { startBroker } from './testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const world = await brokerWorld({ db, databaseUrl, startBroker })
  onCleanup(world.stop)
  return world
})

test('what the arguments of every allowed call were like is stored with its record, and of no refused one', async ({
  db,
  world,
}) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'write' })
  const client = await agentSession(db, world, { agent, serverId: 'modern', era: 'modern' })
  await client.listTools()
  for (const word of ['hello', 'there', 'hunter2@example.com'])
    await client.callTool({ name: 'look', arguments: { word } })
  await client.callTool({ name: 'change', arguments: { word: 'x' } })
  await client.callTool({ name: 'wipe', arguments: { word: 'x' } })
  await client.close()
  const rows = await db.$queryRaw<{ tool: string; facts: object }[]>`
    select e."tool", o."facts" from "AuditEvent" e join "ArgumentObservation" o on o."eventId" = e."id" where e."agentId" = ${agent.agentId} order by e."seq"`
  expect(rows).toEqual([
    { tool: 'look', facts: { '/word': { values: ['hello'] } } },
    { tool: 'look', facts: { '/word': { values: ['there'] } } },
    // Something is there, and it is not kept.
    { tool: 'look', facts: { '/word': {} } },
    { tool: 'change', facts: { '/word': { values: ['x'] } } },
  ])
  await rollUpTraffic(ctxFor(db))
  const profiles = await db.argumentProfile.findMany({ where: { agentId: agent.agentId }, orderBy: { tool: 'asc' } })
  expect(profiles).toMatchObject([
    { tool: 'change', calls: 1, known: 1, unknown: 0 },
    { tool: 'look', calls: 3, known: 3, unknown: 0, paths: { '/word': { calls: 3 } } },
  ])
  expect(JSON.stringify(profiles)).not.toContain('hunter2')
})

test('of a server with data of people no text is stored, from the moment that is said of it', async ({ db, world }) => {
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'legacy', class: 'write' })
  const client = await agentSession(db, world, { agent, serverId: 'legacy', era: 'legacy' })
  const look = (word: string) => client.callTool({ name: 'look', arguments: { word } })
  await look('before')
  for (const dataClass of ['personal', 'health', 'credentials', 'financial']) {
    await db.mcpServer.update({ where: { id: 'legacy' }, data: { dataClasses: [dataClass] } })
    await world.broker.broker.keeper.refresh()
    await look(dataClass)
  }
  await client.close()
  const rows = await db.$queryRaw<{ facts: object }[]>`
    select o."facts" from "AuditEvent" e join "ArgumentObservation" o on o."eventId" = e."id" where e."agentId" = ${agent.agentId} order by e."seq"`
  const kept = (word: string) => ({ '/word': { values: [word] } })
  expect(rows.map(({ facts }) => facts)).toEqual([
    kept('before'),
    { '/word': {} },
    { '/word': {} },
    { '/word': {} },
    kept('financial'),
  ])
})
