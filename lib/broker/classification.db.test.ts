import { expect } from 'vitest'
import { makeAgent } from '#lib/dev/test/broker.ts'
import { agentSession, brokerWorld, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { confirmLoosenings } from '#lib/dev/test/two-people.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { classifyTool } from '#lib/registry/commands.ts'
import { startBroker } from './testing/start-broker.ts'

dbTest(
  'another class of a tool counts in sessions that are open, without anything being restarted',
  async ({ db, databaseUrl, onTestFinished }) => {
    const world = await brokerWorld({ db, databaseUrl, startBroker })
    onTestFinished(() => world.stop())
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId: 'modern', class: 'write' })
    const client = await agentSession(db, world, { agent })
    onTestFinished(() => client.close())
    const names = async () => (await client.listTools()).tools.map(({ name }) => name)
    await until(async () => (await names()).includes('change'))
    const security = ctxFor(db, await makePerson(db, { roles: ['security'] }))
    const classify = (toolClass: 'destructive' | null) =>
      classifyTool(security, {
        serverId: 'modern',
        name: 'change',
        class: toolClass,
        reason: 'Nothing of it can be undone.',
      })
    await classify('destructive')
    await until(async () => !(await names()).includes('change'))
    const refused = await client.callTool({ name: 'change', arguments: { word: 'too much' } })
    expect(refused._meta?.['wheelhouse/denial']).toMatchObject({ rule: 'grant_missing' })
    await classify(null)
    await confirmLoosenings(security, 'modern')
    await until(async () => (await names()).includes('change'))
    expect((await client.callTool({ name: 'change', arguments: { word: 'again' } })).content).toMatchObject([
      { text: 'changed again' },
    ])
  },
)
