import { expect } from 'vitest'
import { makeAgent } from '#lib/dev/test/broker.ts'
import { agentSession, brokerWorld, lastEvent } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { breakGlass, revokeGrant } from '#lib/scopes/commands.ts'
import { startBroker } from './testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const world = await brokerWorld({ db, databaseUrl, startBroker })
  onCleanup(world.stop)
  return world
})

test('what is forbidden on production all the same, break-glass lets through in a session that is open, until it is revoked', async ({
  db,
  world,
}) => {
  await db.mcpServer.update({ where: { id: 'modern' }, data: { environment: 'production' } })
  const agent = await makeAgent(db)
  await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'destructive' })
  const client = await agentSession(db, world, { agent })
  const wipe = async () => {
    await world.broker.broker.keeper.refresh()
    return (await client.callTool({ name: 'wipe', arguments: { word: 'all' } })).isError ?? false
  }
  expect(await wipe()).toBe(true)
  expect(await lastEvent(db, agent.agentId)).toMatchObject({ rule: 'policy_destructive_on_production' })
  const onCall = ctxFor(db, await makePerson(db, { roles: ['on_call'] }))
  const taken = await breakGlass(onCall, {
    agentId: agent.agentId,
    serverId: 'modern',
    class: 'destructive',
    toolName: 'wipe',
    minutes: 30,
    reason: 'The table is full and the service is down.',
  })
  if (!taken.ok) throw new Error(taken.error.message)
  expect(await wipe()).toBe(false)
  const security = ctxFor(db, await makePerson(db, { roles: ['security'] }))
  await revokeGrant(security, { grantId: taken.value.grantId, reason: 'It is over.' })
  expect(await wipe()).toBe(true)
  await client.close()
})
