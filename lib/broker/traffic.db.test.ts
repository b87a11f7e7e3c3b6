import { expect } from 'vitest'
import { makeAgent } from '#lib/dev/test/broker.ts'
import { agentSession, brokerWorld } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { rollUpTraffic } from '#lib/metrics/commands.ts'
import { agentTraffic, serverTraffic } from '#lib/metrics/queries.ts'
import { startBroker } from './testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const world = await brokerWorld({ db, databaseUrl, startBroker })
  onCleanup(world.stop)
  return world
})

test.for(['modern', 'legacy'] as const)(
  'calls of the %s era are counted by tool and agent as the broker recorded them',
  async (era, { db, world }) => {
    const agent = await makeAgent(db)
    await makeGrant(db, { agentId: agent.agentId, serverId: era, class: 'write' })
    const client = await agentSession(db, world, { agent, serverId: era, era })
    for (let at = 0; at < 3; at += 1) await client.callTool({ name: 'look', arguments: { word: 'x' } })
    await client.callTool({ name: 'change', arguments: { word: 'x' } })
    await client.callTool({ name: 'wipe', arguments: { word: 'x' } })
    await client.close()
    const ctx = ctxFor(db)
    await rollUpTraffic(ctx)
    const { tools, totals } = await serverTraffic(ctx, { serverId: era, hours: 1 })
    expect(totals).toMatchObject({ calls: 4, refused: 1, toolErrors: 0, serverErrors: 0 })
    expect(tools.map(({ tool, calls, refused, agents }) => [tool, calls, refused, agents])).toEqual([
      ['look', 3, 0, 1],
      ['change', 1, 0, 1],
      ['wipe', 0, 1, 1],
    ])
    const [seen] = (await agentTraffic(ctx, { agentId: agent.agentId, days: 1 })).servers
    expect(seen).toMatchObject({
      server: { id: era },
      tools: [{ tool: 'look', calls: 3, class: 'read' }, { tool: 'change' }, { tool: 'wipe', refused: 1 }],
    })
  },
)
