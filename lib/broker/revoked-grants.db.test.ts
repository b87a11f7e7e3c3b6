import { expect } from 'vitest'
import { makeAgent } from '#lib/dev/test/broker.ts'
import { agentSession, brokerWorld, type Era, lastEvent, until } from '#lib/dev/test/broker-world.ts'
import { dbTest } from '#lib/dev/test/db-test.ts'
import { ctxFor, makePerson } from '#lib/dev/test/fleet.ts'
import { makeGrant } from '#lib/dev/test/registry.ts'
import { revokeGrant } from '#lib/scopes/commands.ts'
import { startBroker } from './testing/start-broker.ts'

const test = dbTest.extend('world', { scope: 'file' }, async ({ db, databaseUrl }, { onCleanup }) => {
  const world = await brokerWorld({ db, databaseUrl, startBroker })
  onCleanup(() => world.stop())
  return world
})

// With a session of 2025-11-25, and without one since 2026-07-28.
test.for<Era>(['legacy', 'modern'])(
  'a grant that is revoked is refused in what is open (%s), as soon as the broker has been told',
  async (era, { db, world }) => {
    const { view } = world.broker.broker.keeper
    const agent = await makeAgent(db)
    const { agentId } = agent
    await makeGrant(db, { agentId, serverId: era })
    const grantId = await makeGrant(db, { agentId, serverId: era, class: 'write' })
    const client = await agentSession(db, world, { agent, serverId: era, era })
    const names = async () => (await client.listTools()).tools.map(({ name }) => name)
    const change = async () => JSON.stringify(await client.callTool({ name: 'change', arguments: { word: 'it' } }))
    expect(await names()).toContain('change')
    expect(await change()).toContain('changed it')
    const security = ctxFor(db, await makePerson(db, { roles: ['security'] }), new Date())
    const revoked = await revokeGrant(security, { grantId, reason: 'It was asked for by mistake.' })
    expect(revoked).toMatchObject({ ok: true })
    // Nobody tells the broker but the database; from the first look at the registry after that it refuses, in the session that is open.
    const revokedAt = performance.now()
    await until(() => view.loadedAt > revokedAt)
    const refused = await change()
    expect(refused).toContain('"rule":"grant_missing"')
    expect(await names()).not.toContain('change')
    expect(await lastEvent(db, agentId, 'mcp.call_denied')).toMatchObject({ rule: 'grant_missing', tool: 'change' })
    const sent = world.upstreams[era].calls.filter(({ tool }) => tool === 'change')
    expect(sent).toHaveLength(1)
    // What it still holds goes on in the same session.
    expect(JSON.stringify(await client.callTool({ name: 'look', arguments: { word: 'it' } }))).toContain('looked at it')
    await client.close()
  },
)
